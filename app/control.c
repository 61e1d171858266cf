/* SPDX-License-Identifier: BSD-3-Clause */
#include "control.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_ring_elem.h>

#include "groups.h"
#include "balance.h"
#include "moves.h"
#include "names.h"
#include "paths.h"
#include "rebalance.h"
#include "tunnels.h"

/* Workers never make system calls to wake control: it looks at their rings this often. */
#define RINGS_EVERY_MS 1

/* Messages taken in one round, so that a flood of handshakes leaves time for the rest. */
#define HANDSHAKES_A_ROUND 64
#define EVENTS_A_ROUND	   256

static void take_handshakes(struct control *control)
{
	struct rte_mbuf *mbufs[HANDSHAKES_A_ROUND];
	unsigned count = rte_ring_dequeue_burst(
		control->gateway->handshakes, (void **)mbufs, HANDSHAKES_A_ROUND, NULL);

	for (unsigned i = 0; i < count; i++)
		handshake_receive(control, mbufs[i], clock_now());
}

static void take_events(struct control *control)
{
	const struct plan *plan = &control->gateway->plan;
	struct event event;

	for (unsigned i = 0; i < plan->n_workers; i++)
		for (unsigned n = 0; n < EVENTS_A_ROUND &&
			rte_ring_dequeue_elem(plan->workers[i]->events, &event, sizeof(event)) == 0;
			n++)
			peer_event(control, &event, clock_now());
}

static void take_signals(struct control *control)
{
	struct signalfd_siginfo info;

	while (read(control->signal_fd, &info, sizeof(info)) == sizeof(info))
		control->on_signal(control->on_signal_arg, (int)info.ssi_signo);
}

/* One round of everything that may be waiting. */
static void round_of_work(struct control *control)
{
	uint64_t now;

	take_signals(control);
	wb_mirror_process(control->mirror);
	take_events(control);
	take_handshakes(control);
	now = clock_now();
	if (control->ways_dirty)
		ways_update_all(control, now);
	peers_run_due(control, now);
	routes_refresh_neighbours(control, now);
	links_poll(control, now);
	ways_path_mtus_forget(control, now);
	routes_icmp_sources(control);
	paths_poll(control, now);
	balance_poll(control, now);
	groups_poll(control, now);
	rebalance_poll(control, now);
	retire_poll(control->retire);
	moves_poll(control);
	removals_poll(control);
	tunnels_poll(control);
}

static int watch(struct control *control, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int signals_open(struct control *control, struct wb_err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	control->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (control->signal_fd < 0 || control->epoll_fd < 0 ||
		watch(control, control->signal_fd) < 0)
		return wb_err_set(err, errno, "signals: %s", strerror(errno));
	return 0;
}

int control_create(struct gateway *gateway, struct control **out, struct wb_err *err)
{
	struct control *control = calloc(1, sizeof(*control));
	int rc;

	if (control == NULL)
		return wb_err_set(err, ENOMEM, "no memory for control");
	control->gateway = gateway;
	control->epoll_fd = control->signal_fd = -1;
	control->path_mtu_check = UINT64_MAX;
	wb_ratelimit_init(&control->sources);
	control->sources_dirty = true;
	RB_INIT(&control->deadlines);
	STAILQ_INIT(&control->removals);
	control->groups = groups_create();
	control->paths = paths_create();
	control->balance = balance_create();
	control->moves = moves_create();
	control->rebalance = rebalance_create();
	control->retire = retire_create(gateway->qsbr);
	control->retire_handle = retire_handle(control->retire);
	rc = control->groups == NULL || control->paths == NULL || control->balance == NULL ||
			control->moves == NULL || control->rebalance == NULL ||
			control->retire == NULL
		? wb_err_set(err, ENOMEM, "no memory for control")
		: 0;
	if (rc == 0)
		rc = signals_open(control, err);
	if (rc == 0)
		rc = wb_netlink_open(&control->netlink, err);
	if (rc < 0) {
		control_destroy(control);
		return rc;
	}
	*out = control;
	return 0;
}

void control_destroy(struct control *control)
{
	if (control == NULL)
		return;
	names_stop(control->names);
	routes_stop(control);
	rebalance_free(control->rebalance);
	moves_free(control->moves);
	balance_free(control->balance);
	paths_free(control->paths);
	groups_free(control->groups);
	peer_timers_free(control);
	wb_netlink_close(control->netlink);
	if (control->epoll_fd >= 0)
		close(control->epoll_fd);
	if (control->signal_fd >= 0)
		close(control->signal_fd);
	retire_destroy(control->retire);
	free(control);
}

int control_run(struct control *control)
{
	struct gateway *gateway = control->gateway;
	const struct timespec moment = {.tv_nsec = 20000};
	struct epoll_event ready[4];
	bool moving = false;

	watch(control, wb_mirror_fd(control->mirror));
	while (!atomic_load(&control->ended)) {
		/* No rest while handshakes wait: a flood must not push out the genuine ones. */
		epoll_wait(control->epoll_fd, ready, 4,
			rte_ring_empty(gateway->handshakes) && !moving ? RINGS_EVERY_MS : 0);
		gateway_lock(gateway);
		round_of_work(control);
		moving = moves_under_way(control);
		gateway_unlock(gateway);
		/* A mutex is not fair: who wants it must be given time to get it. And while a stage
		 * is moved, packets wait for it: control looks again soon. */
		if (moving || atomic_load_explicit(&gateway->waiting, memory_order_relaxed) > 0)
			nanosleep(&moment, NULL);
	}
	return 0;
}
