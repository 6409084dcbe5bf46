"""Prints every IP packet of one interface: protocol, source, destination, destination port."""
import socket
import struct
import sys

ETHERTYPE_ALL = 3
IPV4, IPV6 = 0x0800, 0x86DD
NAMES = {6: "tcp", 17: "udp"}

tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(ETHERTYPE_ALL))
tap.bind((sys.argv[1], 0))
print("listening", flush=True)
while True:
    frame = tap.recv(65535)
    ethertype = struct.unpack("!H", frame[12:14])[0]
    packet = frame[14:]
    if ethertype == IPV4:
        protocol, header = packet[9], (packet[0] & 15) * 4
        source, target = (socket.inet_ntop(socket.AF_INET, packet[at:at + 4]) for at in (12, 16))
    elif ethertype == IPV6:
        protocol, header = packet[6], 40
        source, target = (socket.inet_ntop(socket.AF_INET6, packet[at:at + 16]) for at in (8, 24))
    else:
        continue
    if protocol not in NAMES:
        continue
    port = struct.unpack("!H", packet[header + 2:header + 4])[0]
    print(NAMES[protocol], source, target, port, flush=True)
