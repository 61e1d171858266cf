#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes tests/fuzz/corpus/NAME/: a few inputs for each harness that reach its inside, so that short
runs do not begin with nothing. Texts and packets are written here; nothing is recorded.

    tests/fuzz/make_corpus.py
"""
import pathlib
import struct

TOP = pathlib.Path(__file__).parent / 'corpus'
KEY = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk='
KEY2 = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg='
HEX = 'a8b1c2d3e4f5a6b7' * 4


def put(harness, name, content):
    folder = TOP / harness
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def handshakes():
    timestamp = struct.pack('>QI', 0x400000006553f100, 0)
    sealed = bytes([4, 10, 0, 0x44]) + struct.pack('<I', 5) + timestamp
    again = bytes([4, 10, 0, 0x45]) + struct.pack('<I', 6) + struct.pack('>QI', 0x400000006553f101, 0)
    put('initiation', 'sealed', sealed)
    put('initiation', 'sealed-twice', sealed + again)
    put('initiation', 'stranger', bytes([4, 1, 3]) + b'\x50' * 32 + b'\x51' * 32 + b'\x44' + timestamp)
    put('initiation', 'unchanged', bytes([2, 1]))
    put('initiation', 'changed', bytes([3, 1]) + bytes(40) + b'\x01')
    put('initiation', 'raw', bytes([1, 1, 1, 0, 0, 0]) + b'\x09' * 144)
    put('response', 'unchanged', bytes([1]))
    put('response', 'changed', bytes([1]) + bytes(4) + b'\x01' + bytes(60) + b'\x01')
    put('response', 'sealed', bytes([2, 0]) + struct.pack('<I', 9) + b'\x40' * 32)
    put('response', 'other-psk', bytes([2, 2]) + struct.pack('<I', 9) + b'\x40' * 32 + b'\x33' * 31)
    put('response', 'raw', bytes([0, 2, 0, 0, 0]) + b'\x09' * 88)
    put('cookie_reply', 'unchanged', bytes([1, 0]))
    put('cookie_reply', 'stale', bytes([1, 116]))
    put('cookie_reply', 'changed', bytes([1, 0]) + bytes(40) + b'\x80')
    put('cookie_reply', 'sealed', bytes([2, 0, 1]) + b'\x05' * 40)
    put('cookie_reply', 'not-asked', bytes([2, 0, 4]) + b'\x05' * 40)
    put('cookie_reply', 'raw', bytes([0, 0, 3, 0, 0, 0]) + b'\x09' * 60)


def transport():
    put('transport', 'message', bytes([0, 4, 0, 0, 0]) + bytes(28))
    put('transport', 'padding', bytes([1]) + struct.pack('<HH', 1400, 1420))
    put('transport', 'in-order', bytes([2]) + bytes([0, 1, 1, 1, 1, 0, 102, 3]))
    put('transport', 'jumps', bytes([2, 210, 0xff, 0x1f, 230, 0xbf, 0x1f, 64, 1, 245]) + b'\xff' * 7 +
        bytes([0xdf, 252, 253, 254]))
    put('transport', 'sealed', bytes([3]) + b'\x01' * 32 + bytes(8) + bytes([0]) + bytes(10) + b'text' * 20)
    put('transport', 'flipped', bytes([3]) + b'\x01' * 32 + bytes(8) + bytes([0, 1]) + bytes(9) + b'text' * 9)


def ip4(proto, payload, source='\x0a\x01\x00\x01', to='\x0a\x02\x00\x01', fragment=0, options=b''):
    header = 20 + len(options)
    return struct.pack('>BBHHHBBH', 0x40 | header // 4, 0, header + len(payload), 1, fragment, 64,
                       proto, 0) + source.encode('latin1') + to.encode('latin1') + options + payload


def ip6(proto, payload):
    return struct.pack('>IHBB', 6 << 28, len(payload), proto, 64) + bytes.fromhex(
        '20010db8000000000000000000000001' '20010db8000000000000000000000002') + payload


def packets():
    head = bytes([1]) + struct.pack('<H', 1280)
    big = bytes([3]) + struct.pack('<H', 1280)
    udp = struct.pack('>HHHH', 1000, 2000, 16, 0) + bytes([4, 0, 0, 0, 7, 0, 0, 0])
    syn = struct.pack('>HHIIBBHHH', 1000, 80, 1, 0, 0x70, 2, 1000, 0, 0) + bytes(
        [1, 2, 4, 5, 0xb4, 0, 0, 0])
    echo = bytes([8, 0, 0, 0, 0, 5, 0, 1])
    quote = ip4(17, udp, source='\x0a\x02\x00\x01', to='\x0a\x03\x00\x01')
    quote6 = ip6(17, udp)[:8] + ip6(17, udp)[24:40] + ip6(17, udp)[8:24] + udp
    put('packet', 'udp4', head + ip4(17, udp) + bytes(10))
    put('packet', 'syn4', head + ip4(6, syn))
    put('packet', 'syn4-options', big + ip4(6, syn, options=bytes([1, 1, 1, 0])))
    put('packet', 'echo4', head + ip4(1, echo))
    put('packet', 'fragment4', head + ip4(17, udp, fragment=0x2000))
    put('packet', 'news4', head + ip4(1, bytes([3, 4, 0, 0, 0, 0, 5, 0]) + quote))
    put('packet', 'udp6', big + ip6(17, udp))
    put('packet', 'syn6', head + ip6(6, syn))
    put('packet', 'extensions6', head + ip6(0, bytes([43, 0] + [0] * 6) + bytes([44, 0] + [0] * 6) +
                                            bytes([60, 0, 0, 1] + [0] * 4) + bytes([17, 0] + [0] * 6) + udp))
    put('packet', 'news6', head + ip6(58, bytes([2, 0, 0, 0, 0, 0, 5, 0]) + quote6))
    put('packet', 'long4', big + ip4(17, udp + bytes(1400)))
    ethernet = bytes(12) + bytes([0x81, 0, 0, 5, 0x86, 0xdd])
    vxlan = struct.pack('>HHHH', 9, 4789, 16, 0) + bytes([8, 0, 0, 0, 0, 0, 7, 0])
    geneve = struct.pack('>HHHH', 9, 6081, 16, 0) + bytes([1, 0, 0x65, 0x58, 0, 0, 7, 0]) + bytes(4)
    put('packet', 'vxlan', head + ip4(17, vxlan + ethernet + ip6(17, udp)))
    put('packet', 'geneve', head + ip6(17, geneve + bytes(12) + b'\x08\0' + quote))
    put('packet', 'gre', head + ip4(47, bytes([0xb0, 0, 8, 0]) + bytes(12) + quote))
    put('packet', 'ipip', head + ip4(4, ip4(41, ip6(58, bytes([1] + [0] * 7) + quote6))))
    put('packet', 'news-vxlan', head + ip4(1, bytes([3, 4, 0, 0, 0, 0, 5, 0]) +
                                           ip4(17, vxlan + ethernet + ip6(17, udp))))


def frame(how, packet, kind=0x0800, to=b'\x02\0\0\0\0\1'):
    content = to + b'\x02\0\0\0\0\2' + struct.pack('>H', kind) + packet
    return struct.pack('<BH', how, len(content)) + content


def frames():
    """`how`: 1 mends, 2 chooses the destination by the upper half's number: 0 to 3 are IPv4."""
    def to_tunnel(payload):
        return struct.pack('>HHHH', 9, 51820, 8 + len(payload), 0) + payload
    local, tunnel, port, drop = 0x03, 0x13, 0x23, 0x33
    data = to_tunnel(bytes([4, 0, 0, 0, 7, 0, 0, 0]) + bytes(24))
    hello = to_tunnel(bytes([1, 0, 0, 0]) + bytes(144))
    other = to_tunnel(bytes([9, 0, 0, 0]) + bytes(40))
    quote = ip4(17, struct.pack('>HHHH', 51820, 9, 40, 0) + bytes([4, 0, 0, 0, 7, 0, 0, 0]),
                source='\xc0\0\2\1', to='\x0a\3\0\1')
    news = bytes([3, 4, 0, 0, 0, 0, 5, 0]) + quote
    put('frames', 'tunnel4', frame(local, ip4(17, data)) + frame(local, ip4(17, hello)) +
        frame(local, ip4(17, other)))
    put('frames', 'forwarded4', frame(tunnel, ip4(17, bytes(20))) + frame(port, ip4(17, bytes(20))) +
        frame(drop, ip4(17, bytes(20))) + frame(1, ip4(17, bytes(20))))
    put('frames', 'fragment4', frame(local, ip4(17, data, fragment=0x2000)))
    put('frames', 'news4', frame(local, ip4(1, news)))
    put('frames', 'tunnel6', frame(local + 0x40, ip6(17, data), 0x86dd) +
        frame(local + 0x40, ip6(17, hello), 0x86dd))
    put('frames', 'forwarded6', frame(tunnel + 0x40, ip6(6, bytes(30)), 0x86dd) +
        frame(port + 0x40, ip6(6, bytes(30)), 0x86dd))
    put('frames', 'kernels', frame(0, bytes(46), 0x0806, b'\xff' * 6) + frame(0, bytes(46), 0x0806) +
        frame(0, bytes(46), to=b'\x02' * 6) + frame(0, bytes(9)) + struct.pack('<BH', 0, 3) + bytes(3))
    put('frames', 'long4', frame(tunnel, ip4(17, bytes(1450))))


def texts():
    put('uapi_set', 'tunnel', f'private_key={HEX}\nlisten_port=51820\nfwmark=0\nreplace_peers=true\n')
    put('uapi_set', 'peers', f'public_key={HEX}\nupdate_only=true\npreshared_key={"0" * 64}\n'
        'endpoint=[2001:db8::1]:9\npersistent_keepalive_interval=25\nreplace_allowed_ips=true\n'
        'allowed_ip=10.1.2.3/8\nallowed_ip=-fd00::/64\nprotocol_version=1\n'
        f'public_key={HEX[::-1]}\nremove=true\nendpoint=192.0.2.1:51820\n')
    interface = f'[Interface]\nPrivateKey = {KEY}\nListenPort = 51820\n'
    peer = f'[Peer]\nPublicKey = {KEY2}\n'
    put('wgquick', 'whole', interface + 'Address = 10.0.0.1/24, fd00::1/64\nMTU = 1380\nTable = 7\n'
        'FwMark = 0xca6c\nSaveConfig = true\nDNS = 1.1.1.1, lan\nPreUp = a %i\nPostUp = b; c\n'
        'PreDown = d\nPostDown = e\n\n' + peer + f'PresharedKey = {KEY}\nAllowedIPs = 10.9.0.0/16, ::/0\n'
        'Endpoint = [2001:db8::1]:7\nPersistentKeepalive = 25\n')
    put('wgquick', 'names', '[interface] # ours\nTable=off\nFwMark=off\nPostUp=wg set %i\n[Interface]\n' +
        peer + f'AllowedIPs =\nEndpoint=host.example:8\nPersistentKeepalive=off\n[Peer]\nPublicKey={KEY}\n')
    bond = '[bond bond0]\nmember = 0000:01:00.0\nmember = kernel:eth1\nhash = layer2+3\nlacp-rate = slow\n' \
        'address = 192.0.2.2/24\naddress = 2001:db8::2/64\ngateway = 192.0.2.1\ngateway = fe80::1\nmtu = 9000\n'
    lan = '[port lan0]\ndevice = net_null0\naddress = 10.1.0.1/16\n'
    gateway = '[gateway]\nname = a\npoll = always\nmemory = 64\nmss-clamp = off\ntunnel = wg0.conf\n'
    put('gateway_conf', 'whole', '; all of it\n' + gateway + 'tunnel = wg1.conf\n[lcores]\nworkers = 0\n'
        'control = 0\nplace = wg0 seal 0\nplace = bond0 rx0 0\nbalance = off\n[ecmp]\nhash = symmetric\ninner = on\nidle = 50ms\nunbalanced = 9s\n' + bond + lan + '\f' + interface + peer + 'AllowedIPs = 10.2.0.0/16, 0.0.0.0/0\n' +
        f'\f[Interface]\nPrivateKey = {KEY2}\nTable = 9\n[Peer]\nPublicKey = {KEY}\n'
        'AllowedIPs = 10.2.0.0/16\n')
    put('gateway_conf', 'least', lan)
    # One more of each than there is room for.
    put('gateway_conf', 'addresses', '[port lan0]\ndevice = net_null0\n' +
        ''.join(f'address = 10.{n}.0.1/16\n' for n in range(33)))
    put('gateway_conf', 'members', '[bond bond0]\n' + ''.join(f'member = net_null{n}\n' for n in range(17)))
    put('gateway_conf', 'ports', ''.join(f'[port p{n}]\ndevice = net_null{n}\n' for n in range(17)))
    put('gateway_conf', 'tunnels', lan + '[gateway]\n' + ''.join(f'tunnel = w{n}.conf\n' for n in range(65)))
    put('gateway_conf', 'workers', lan + '[lcores]\nworkers = 0-64\n')


def attribute(kind, content):
    return struct.pack('<HH', 4 + len(content), kind) + content + bytes(-len(content) % 4)


def message(kind, body):
    return struct.pack('<IHHII', 16 + len(body), kind, 0, 1, 0) + body


def netlink():
    route = struct.pack('<BBBBBBBBI', 2, 16, 0, 0, 254, 3, 0, 1, 0)
    hop = attribute(5, b'\xc0\x00\x02\x01')
    hops = b''.join(struct.pack('<HBBi', 8 + len(hop), 0, n, 2) + hop for n in range(2))
    via = struct.pack('<H', 10) + bytes(16)
    one = route + attribute(1, b'\x0a\x02\x00\x00') + attribute(4, struct.pack('<I', 2)) + \
        attribute(5, b'\xc0\x00\x02\x01') + attribute(6, struct.pack('<I', 100)) + \
        attribute(7, b'\xc0\x00\x02\x02') + attribute(8, attribute(2, struct.pack('<I', 1400)))
    put('netlink', 'route', message(24, one))
    put('netlink', 'multipath', message(24, route + attribute(1, b'\x0a\x02\x00\x00') + attribute(9, hops)))
    put('netlink', 'via', message(24, route + attribute(1, b'\x0a\x02\x00\x00') +
                                  attribute(4, struct.pack('<I', 2)) + attribute(18, via)))
    neighbour = struct.pack('<BBHiHBB', 10, 0, 0, 2, 2, 0, 1)
    put('netlink', 'neighbour', message(28, neighbour + attribute(1, bytes(15) + b'\x01') +
                                        attribute(2, b'\x02\x00\x00\x00\x00\x01')))
    link = struct.pack('<BBHiII', 0, 0, 1, 2, 0x10043, 0)
    put('netlink', 'link', message(16, link + attribute(3, b'eth0\0') + attribute(4, struct.pack('<I', 1500))))
    address = struct.pack('<BBBBI', 2, 24, 0, 0, 2)
    put('netlink', 'two', message(20, address + attribute(2, b'\xc0\x00\x02\x02')) + message(24, one))
    put('netlink', 'longer-than-all', struct.pack('<IHHII', 0xffffff01, 24, 0, 1, 0) + one)


def allowedips():
    def step(how, family, address, length):
        return bytes([how, family]) + address + bytes([length])
    four = [step(6, 0, b'\x0a\x00\x00\x00', 8), step(0x17, 0, b'\x0a\x01\x00\x00', 16),
            step(0x28, 0, b'\x00\x00\x00\x00', 0), step(0x39, 0, b'\x0a\x01\x02\x03', 32)]
    put('allowedips', 'nested4', b''.join(four))
    put('allowedips', 'taken4', b''.join(four) + step(0x12, 0, b'\x0a\x01\x00\x00', 16) +
        step(1, 0, b'\x0a\x01\x02\x03', 32) + bytes([0x30]))
    put('allowedips', 'nested6', step(6, 3, b'\x20\x01\x0d\xb8' + bytes(12), 32) +
        step(0x17, 3, b'\x20\x01\x0d\xb8' + bytes(11) + b'\x01', 128) + step(0x28, 1, bytes(4), 0))


def lacpdu():
    links = b''.join(bytes([op]) for op in range(256) if op % 5 == 1 and op & 0xc0 == 0xc0)[:8]
    good = b''.join(bytes([4, m, 0, 0x3f]) for m in range(4))
    wait = bytes([2, 0, 60])
    put('lacpdu', 'up', bytes([0]) + links + good + wait + good + wait + good)
    put('lacpdu', 'two-systems', bytes([2]) + links + bytes([4, 0, 2, 0x3f, 4, 1, 4, 0x3f]) + wait +
        bytes([4, 0, 2, 0x3f, 4, 1, 4, 0x3f]) + bytes([253]))
    frame = bytes.fromhex('0180c2000002020000000002880901010114') + bytes(18) + b'\x02\x14' + bytes(86)
    put('lacpdu', 'raw', bytes([0]) + links + bytes([0, len(frame)]) + frame + bytes([1]))


for make in lacpdu, handshakes, transport, packets, frames, texts, netlink, allowedips:
    make()
