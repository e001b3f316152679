# The websocket-driver of Ruby as a peer of the conformance runner; README.md says what it does. The driver has no input or
# output of its own: the sockets are those of Ruby's openssl.
require 'openssl'
require 'socket'
require 'uri'
require 'websocket/driver'

LIMITS = { max_length: 64 * 1024 * 1024 }.freeze

# What the driver writes to and asks for the URL.
class Wire
  attr_reader :url

  def initialize(socket, url = nil)
    @socket = socket
    @url = url
  end

  def write(bytes)
    @socket.write(bytes)
  rescue IOError, SystemCallError, OpenSSL::SSL::SSLError
    # The peer is gone, which reading tells too.
  end

  # Feeds the driver until the connection ends or it is done.
  def pump(driver)
    is_over = false
    driver.on(:close) { is_over = true }
    driver.parse(@socket.readpartial(65_536)) until is_over
  rescue IOError, SystemCallError, OpenSSL::SSL::SSLError
    # The end.
  ensure
    @socket.close
  end
end

def context_of(files)
  ca, cert, key = files
  OpenSSL::SSL::SSLContext.new.tap do |context|
    context.min_version = OpenSSL::SSL::TLS1_3_VERSION
    context.verify_mode = OpenSSL::SSL::VERIFY_PEER | OpenSSL::SSL::VERIFY_FAIL_IF_NO_PEER_CERT
    context.ca_file = ca
    context.cert = OpenSSL::X509::Certificate.new(File.read(cert))
    context.key = OpenSSL::PKey.read(File.read(key))
  end
end

def echo(driver, event)
  event.data.is_a?(String) ? driver.text(event.data) : driver.binary(event.data)
end

def take(socket, context)
  if context
    socket = OpenSSL::SSL::SSLSocket.new(socket, context)
    socket.sync_close = true
    socket.accept
  end
  wire = Wire.new(socket)
  driver = WebSocket::Driver.server(wire, LIMITS)
  driver.on(:connect) do
    if WebSocket::Driver.websocket?(driver.env)
      driver.start
    else
      wire.write("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n")
      socket.close
    end
  end
  driver.on(:message) { |event| echo(driver, event) }
  wire.pump(driver)
rescue OpenSSL::SSL::SSLError
  socket.close
end

def serve(files)
  context = files.empty? ? nil : context_of(files)
  server = TCPServer.new('127.0.0.1', 0)
  $stdout.puts "port #{server.addr[1]}"
  $stdout.flush
  loop { Thread.new(server.accept) { |socket| take(socket, context) } }
end

# Returns the last message, if there is one.
def go_through(url, context, options)
  uri = URI(url)
  tcp = TCPSocket.new(uri.host, uri.port)
  tcp.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
  socket = OpenSSL::SSL::SSLSocket.new(tcp, context)
  socket.sync_close = true
  socket.hostname = uri.host
  socket.connect
  socket.post_connection_check(uri.host)
  wire = Wire.new(socket, url)
  driver = WebSocket::Driver.client(wire, options)
  last = ''
  driver.on(:message) do |event|
    last = event.data
    yield driver, event if block_given?
  end
  driver.start
  wire.pump(driver)
  last
rescue IOError, SystemCallError, OpenSSL::SSL::SSLError
  # Many a case is a handshake that must fail.
  last || ''
end

def ask(url, jobs, *files)
  context = context_of(files)
  threads = Array.new(Integer(jobs)) do
    Thread.new do
      until (to = go_through(url, context, {})).empty?
        go_through(to, context, LIMITS.merge(protocols: ['conformance'])) { |driver, event| echo(driver, event) }
      end
    end
  end
  threads.each(&:join)
end

role, *rest = ARGV
role == 'server' ? serve(rest) : ask(*rest)
