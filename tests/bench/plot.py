# SPDX-License-Identifier: BSD-3-Clause
"""Gbit/s and Mpps by size against the limit that the AEAD sets, drawn by gnuplot."""
import subprocess

TERMINALS = {'png': 'pngcairo size 1000,420 font "Sans,10"', 'svg': 'svg size 1000,420 font "Sans,10"'}
PATHS = (('forward-out', 'LAN to tunnel', '#1f77b4'), ('forward-in', 'tunnel to LAN', '#d62728'))


def rows(results, path):
    """Size, and of the gateway and the AEAD alone: Gbit/s and Mpps."""
    lines = [line for line in results
             if line['path'] == path and isinstance(line['size'], int) and line['lcores'] == 1 and
             (line['tunnels'], line['peers'], line['flows']) == (1, 1, 64) and
             (line['routes'], line['inner'], line['outer']) == (2, 4, 4) and
             line['size'] <= 1500]
    for line in sorted({line['size']: line for line in lines}.values(), key=lambda l: l['size']):
        limit = 1e3 / line['aead_ns']
        yield (line['size'], line['gbps'], line['mpps'], limit * line['size'] * 8 / 1e3, limit)


def chart(title, column):
    curves = []
    for n, (_, name, colour) in enumerate(PATHS):
        curves.append(f'$data{n} using 1:{column} with linespoints lw 2 pt 7 lc rgb "{colour}" '
                      f'title "{name}"')
        curves.append(f'$data{n} using 1:{column + 2} with lines lw 1 dt 2 lc rgb "{colour}" '
                      'title "its AEAD alone"')
    return (f'set title "{title}"\nset xlabel "bytes of the inner packet"\n'
            f'set key {"top left" if column == 2 else "top right"}\nset yrange [0:*]\n'
            f'plot {", ".join(curves)}\n')


def plot(results, path):
    script = [f'set terminal {TERMINALS[path.rsplit(".", 1)[-1]]}\nset output "{path}"\n'
              'set grid\nset xtics (64, 256, 512, 1024, 1420)\n']
    for n, (name, _, _) in enumerate(PATHS):
        data = '\n'.join(' '.join(f'{value:.4f}' for value in row) for row in rows(results, name))
        script.append(f'$data{n} << EOD\n{data}\nEOD\n')
    script.append('set multiplot layout 1,2\n')
    script.append(chart('Gbit/s, one worker lcore', 2))
    script.append(chart('Mpps, one worker lcore', 3))
    subprocess.run(['gnuplot'], input=''.join(script), text=True, check=True)
