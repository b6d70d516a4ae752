"""A Redis stand-in for machines without a redis-server: fakeredis behind a TCP port of the loopback."""

from __future__ import annotations

import sys

from fakeredis import TcpFakeServer

if __name__ == "__main__":
    server = TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_type="redis")
    server.daemon_threads = True
    server.serve_forever()
