/* SPDX-License-Identifier: BSD-3-Clause */
/* Links of ports: LACP, the kernel's word of a carrier, rates. */
#include <time.h>

#include "port/lacp.h"
#include "port/member.h"

#include "control.h"

/* Time for last words: the tx stage serves an idle bond every 10 ms, and one frame of a member may
 * be waiting before them. */
#define LAST_WORDS	 8
#define LAST_WORDS_EVERY (5 * NS_PER_MS)

void links_carrier(struct control *control, const char *ifname, bool carrier)
{
	struct gateway *gateway = control->gateway;

	for (unsigned i = 0; i < gateway->n_ports; i++) {
		struct wb_port *port = gateway->ports[i].port;

		/* Not with the next look at the links: now. */
		if (wb_port_carrier_set(port, ifname, carrier) && port->lacp != NULL)
			port->lacp_next = 0;
	}
}

void links_poll(struct control *control, uint64_t now)
{
	struct gateway *gateway = control->gateway;

	for (unsigned i = 0; i < gateway->n_ports; i++) {
		wb_port_lacp_run(gateway->ports[i].port, gateway->control_pool, now);
		wb_port_rates_sample(gateway->ports[i].port, now);
	}
}

void links_leave(struct control *control)
{
	const struct timespec moment = {.tv_nsec = LAST_WORDS_EVERY};
	struct gateway *gateway = control->gateway;
	bool bonds = false;

	for (unsigned i = 0; i < gateway->n_ports; i++) {
		wb_port_lacp_leave(gateway->ports[i].port, gateway->control_pool, clock_now());
		bonds = bonds || gateway->ports[i].port->bond;
	}
	for (unsigned i = 0; bonds && i < LAST_WORDS; i++) {
		nanosleep(&moment, NULL);
		links_poll(control, clock_now());
	}
}
