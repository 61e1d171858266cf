# SPDX-License-Identifier: BSD-3-Clause
"""The experiment of scripts/demo: goodput over one, two and three tunnels, and a pulled cable."""
import argparse
import json
import struct
import sys
import threading
import time

from gateway import PROGRAM
from net import Net, end_on_signals, run, sweep
from sites import Sites

LINKS = 3
# Three of 100 take two CPUs whole, which others may want, too.
LINK_MBPS = 50
FLOWS = 10
# Of the experiment, one moment of each flow's slow start is left out.
OMIT = 2
PULL_AFTER, PULLED_FOR = 4, 4


def say(text):
    print(f'== {text}', flush=True)


def segments_sent(host):
    """TCP segments sent by a host since it began."""
    lines = host.run('cat', '/proc/net/snmp').splitlines()
    names, values = [line.split() for line in lines if line.startswith('Tcp:')]
    return int(values[names.index('OutSegs')])


def member_bytes(gateway):
    return [(m['tx_bytes'], m['rx_bytes']) for m in gateway.members()]


def iperf(sites, seconds, omit=OMIT):
    """Ten flows from host A to host B; iperf3's report."""
    server = sites.host_b.popen('iperf3', '-s', '-1', stdout=-3, stderr=-3)
    time.sleep(0.5)
    out = sites.host_a.run('iperf3', '-c', '10.2.0.2', '-P', FLOWS, '-t', seconds, '-O', omit,
                           '--cport', 40000, '--json', check=False)
    server.wait(10)
    return json.loads(out)


def measure(sites, tunnels, seconds):
    say(f'{tunnels} tunnel{"s" if tunnels > 1 else ""}: gateways start, LACP, handshakes')
    sites.start(tunnels)
    say(f'{tunnels} tunnel{"s" if tunnels > 1 else ""}: iperf3 -P {FLOWS} for {seconds + OMIT} s')
    before, segments = member_bytes(sites.a), segments_sent(sites.host_a)
    report = iperf(sites, seconds)
    if 'error' in report:
        raise AssertionError(f'iperf3: {report["error"]}')
    after = member_bytes(sites.a)
    return {
        'tunnels': tunnels,
        'goodput_mbps': round(report['end']['sum_received']['bits_per_second'] / 1e6, 1),
        'link_mbps': sites.mbit,
        'segments': segments_sent(sites.host_a) - segments,
        'retransmits': sum(s['sender']['retransmits'] for s in report['end']['streams']),
        'members': [{'tx_bytes': a[0] - b[0], 'rx_bytes': a[1] - b[1]}
                    for a, b in zip(after, before)],
    }


def longest_silence(capture, begin, end):
    """Seconds for which the worst connection received nothing between two moments, by the times of
    its packets in a capture file (pcap with microseconds)."""
    data = capture.read_bytes()
    last, longest, at = {}, 0.0, 24
    while at + 16 <= len(data):
        seconds, micro, size, _ = struct.unpack_from('=IIII', data, at)
        when = seconds + micro / 1e6
        # Ethernet and an IPv4 header without options: the TCP source port is next.
        port = data[at + 16 + 34:at + 16 + 36]
        at += 16 + size
        if begin <= when <= end:
            longest = max(longest, when - last.get(port, when))
            last[port] = when
    return longest


def failover(sites, seconds):
    """Pulls a member's cable under traffic and puts it back."""
    say(f'a cable is pulled under traffic for {PULLED_FOR} s, and put back')
    pulled, moments = [], []
    capture = sites.a.directory / 'arrivals.pcap'

    def pull():
        time.sleep(PULL_AFTER)
        moments.append(time.time())
        pulled.append(member_bytes(sites.a))
        sites.ns_b.ip('link', 'set', 'wan1', 'down')
        time.sleep(PULLED_FOR)
        pulled.append(member_bytes(sites.a))
        sites.ns_b.ip('link', 'set', 'wan1', 'up')
        moments.append(time.time())

    server = sites.host_b.popen('iperf3', '-s', '-1', stdout=-3, stderr=-3)
    # Data packets only: the control connection is silent for seconds.
    sniffer = sites.host_b.popen('tcpdump', '-n', '-i', 'eth0', '-s', 64, '-B', 16384, '-w', capture,
                                 'tcp dst port 5201 and greater 500', stderr=-3)
    time.sleep(0.5)
    worker = threading.Thread(target=pull)
    worker.start()
    report = json.loads(sites.host_a.run(
        'iperf3', '-c', '10.2.0.2', '-P', FLOWS, '-t', seconds, '--cport', 40000, '--json',
        check=False))
    worker.join()
    server.wait(20)
    sites.host_b.run('pkill', '-x', 'tcpdump', check=False)
    sniffer.wait(10)
    # From just before the pull to well after the cable is back.
    silence = longest_silence(capture, moments[0] - 0.2, moments[1] + 2)
    streams = report.get('end', {}).get('streams', [])
    alive = sum(1 for s in streams if s['receiver']['bytes'] > 0) if 'error' not in report else 0
    last = report['intervals'][-2:] if report.get('intervals') else []
    sites.a.distributing(LINKS)
    return {
        'stall_ms': round(silence * 1000),
        'lost_connections': FLOWS - alive,
        'goodput_while_pulled_mbps': round(
            sum(b[0] - a[0] for a, b in zip(*pulled)) * 8 / PULLED_FOR / 1e6, 1),
        'goodput_after_mbps': round(
            sum(i['sum']['bits_per_second'] for i in last) / max(1, len(last)) / 1e6, 1),
    }


def table(runs):
    one = runs[0]['goodput_mbps']
    print()
    print('tunnels  goodput      of 1 link  of 3  x one  retransmits      members (sent)')
    for r in runs:
        total = sum(m['tx_bytes'] for m in r['members']) or 1
        shares = ' '.join(f'{100 * m["tx_bytes"] / total:3.0f}%' for m in r['members'])
        print(f'{r["tunnels"]:7}  {r["goodput_mbps"]:6.1f} Mbit/s '
              f'{100 * r["goodput_mbps"] / r["link_mbps"]:7.0f}% '
              f'{100 * r["goodput_mbps"] / r["link_mbps"] / LINKS:4.0f}% '
              f'{r["goodput_mbps"] / one:6.2f}  {r["retransmits"]:5} '
              f'({100 * r["retransmits"] / max(1, r["segments"]):.2f} %)   {shares}')
    print(flush=True)


def judge(runs, failure):
    """What the demo promises; gives what is not so."""
    one, two, three = (r['goodput_mbps'] for r in runs)
    wrong = []
    if two < 1.85 * one:
        wrong.append(f'two tunnels carry {two / one:.2f} times what one does, expected 1.85')
    if three < 2.7 * one:
        wrong.append(f'three tunnels carry {three / one:.2f} times what one does, expected 2.7')
    for r in runs:
        if r['retransmits'] > 0.005 * r['segments']:
            wrong.append(f'{r["tunnels"]} tunnels: {r["retransmits"]} of {r["segments"]} segments '
                         'were sent again, expected under 0.5 %')
    total = sum(m['tx_bytes'] for m in runs[2]['members'])
    if min(m['tx_bytes'] for m in runs[2]['members']) < 0.2 * total:
        wrong.append('a member does not carry its share of three tunnels')
    if failure['lost_connections']:
        wrong.append(f'{failure["lost_connections"]} connections were lost with the cable')
    return wrong


def main():
    parser = argparse.ArgumentParser(prog='scripts/demo')
    parser.add_argument('--json', metavar='FILE', help='write the figures there, too')
    parser.add_argument('--seconds', type=int, default=15, help='of each measurement')
    parser.add_argument('--mbit', type=int, default=LINK_MBPS, help='of each link, a second')
    args = parser.parse_args()
    if args.mbit < 1:
        parser.error('--mbit: expected 1 or more')
    end_on_signals(lambda number: sys.exit(128 + number))
    sweep()
    say(f'the scene: two hosts, two gateways, {LINKS} links of {args.mbit} Mbit/s')
    with Net() as net:
        sites = Sites(net, links=LINKS, mbit=args.mbit, names=('demo-a', 'demo-b'))
        runs = []
        for tunnels in (1, 2, 3):
            runs.append(measure(sites, tunnels, args.seconds))
            say(f'{tunnels} tunnels: {runs[-1]["goodput_mbps"]} Mbit/s')
            if tunnels < 3:
                sites.stop()
        table(runs)
        for name in ('demo-a', 'demo-b'):
            for subject in ('tunnels', 'ports'):
                say(f'wirebraid show {subject} --name {name}')
                print(run(PROGRAM, 'show', subject, '--name', name), flush=True)
        failure = failover(sites, PULL_AFTER + PULLED_FOR + 4)
        say(f'the worst connection received nothing for {failure["stall_ms"]} ms; {failure["lost_connections"]} of '
            f'{FLOWS} connections were lost; {failure["goodput_while_pulled_mbps"]} Mbit/s went '
            f'over the two others, {failure["goodput_after_mbps"]} Mbit/s after')
        say('wirebraid show drops --name demo-a')
        print(run(PROGRAM, 'show', 'drops', '--name', 'demo-a'), flush=True)
        say('taking the scene down')
    if args.json:
        with open(args.json, 'w', encoding='utf-8') as file:
            json.dump({'runs': runs, 'failover': failure}, file, indent=2)
            file.write('\n')
    wrong = judge(runs, failure)
    for text in wrong:
        print(f'demo: {text}', file=sys.stderr)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
