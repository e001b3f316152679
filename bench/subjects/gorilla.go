// An echo server on gorilla/websocket, started as `mtls-ws serve` is.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/gorilla/websocket"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	port := flag.Int("port", 0, "")
	ca := flag.String("ca", "", "")
	cert := flag.String("cert", "", "")
	key := flag.String("key", "", "")
	minTLS := flag.String("min-tls", "1.3", "")
	resume := flag.Bool("session-resumption", false, "")
	compress := flag.Bool("compress", false, "")
	flag.Parse()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(must(os.ReadFile(*ca)))
	config := &tls.Config{
		Certificates:           []tls.Certificate{must(tls.LoadX509KeyPair(*cert, *key))},
		ClientCAs:              pool,
		ClientAuth:             tls.RequireAndVerifyClientCert,
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: !*resume,
		NextProtos:             []string{"http/1.1"},
	}
	if *minTLS == "1.2" {
		config.MinVersion = tls.VersionTLS12
	}
	upgrader := websocket.Upgrader{EnableCompression: *compress}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		connection, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer connection.Close()
		connection.SetReadLimit(16 << 20)
		for {
			kind, message, err := connection.ReadMessage()
			if err != nil || connection.WriteMessage(kind, message) != nil {
				return
			}
		}
	})
	listener := must(net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port)))
	fmt.Printf("listening on wss://127.0.0.1:%d\n", listener.Addr().(*net.TCPAddr).Port)
	must(0, http.Serve(tls.NewListener(listener, config), nil))
}
