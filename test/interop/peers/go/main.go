// The WebSocket package of Gorilla as a peer of the conformance runner; README.md says what it does.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

func main() {
	if os.Args[1] == "server" {
		serve(os.Args[2:])
	} else {
		ask(os.Args[2], os.Args[3], os.Args[4:])
	}
}

func credentials(files []string) *tls.Config {
	ca, err := os.ReadFile(files[0])
	if err != nil {
		log.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(files[1], files[2])
	if err != nil {
		log.Fatal(err)
	}
	anchors := x509.NewCertPool()
	anchors.AppendCertsFromPEM(ca)
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    anchors,
		RootCAs:      anchors,
		MinVersion:   tls.VersionTLS13,
	}
}

// echo does as the documentation says that an application has to: it checks that text is UTF-8, and closes in the end.
func echo(connection *websocket.Conn) {
	defer connection.Close()
	for {
		kind, message, err := connection.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.TextMessage && !utf8.Valid(message) {
			invalid := websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, "")
			connection.WriteControl(websocket.CloseMessage, invalid, time.Now().Add(time.Second))
			return
		}
		if connection.WriteMessage(kind, message) != nil {
			return
		}
	}
}

func serve(files []string) {
	upgrader := websocket.Upgrader{EnableCompression: true}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		connection, err := upgrader.Upgrade(w, r, nil)
		if err == nil {
			connection.SetReadLimit(64 * 1024 * 1024)
			echo(connection)
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	if len(files) == 0 {
		log.Fatal(http.Serve(listener, nil))
	}
	server := http.Server{TLSConfig: credentials(files)}
	log.Fatal(server.ServeTLS(listener, "", ""))
}

func ask(url, jobs string, files []string) {
	dialer := websocket.Dialer{
		TLSClientConfig:   credentials(files),
		Subprotocols:      []string{"conformance"},
		EnableCompression: true,
	}
	next := func() string {
		connection, _, err := dialer.Dial(url, nil)
		if err != nil {
			return ""
		}
		defer connection.Close()
		_, message, _ := connection.ReadMessage()
		connection.ReadMessage()
		return string(message)
	}
	count, _ := strconv.Atoi(jobs)
	var all sync.WaitGroup
	for i := 0; i < count; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for to := next(); to != ""; to = next() {
				// Many a case is a handshake that must fail.
				if connection, _, err := dialer.Dial(to, nil); err == nil {
					connection.SetReadLimit(64 * 1024 * 1024)
					echo(connection)
				}
			}
		}()
	}
	all.Wait()
}
