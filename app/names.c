/* SPDX-License-Identifier: BSD-3-Clause */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "uapi/wgquick.h"

struct question {
	STAILQ_ENTRY(question) entry;
	uint32_t peer_id, serial;
	char *host;
	uint16_t port;
};

struct names {
	struct control *control;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows; taken last */
	pthread_cond_t news;
	STAILQ_HEAD(, question) questions;
	bool asking; /* the resolver, which may take half a minute */
	bool stopping;
};

static void question_free(struct question *question)
{
	free(question->host);
	free(question);
}

/* Waits for a question; NULL: the end. */
static struct question *question_next(struct names *names)
{
	struct question *question = NULL;

	pthread_mutex_lock(&names->lock);
	while (!names->stopping && STAILQ_EMPTY(&names->questions))
		pthread_cond_wait(&names->news, &names->lock);
	if (!names->stopping) {
		question = STAILQ_FIRST(&names->questions);
		STAILQ_REMOVE_HEAD(&names->questions, entry);
		names->asking = true;
	}
	pthread_mutex_unlock(&names->lock);
	return question;
}

/* The peer may have gone, or found us, while we waited. */
static void answer(struct names *names, const struct question *question,
	const struct wb_endpoint *endpoint, bool found)
{
	struct gateway *gateway = names->control->gateway;
	struct wb_peer *peer;

	gateway_lock(gateway);
	peer = wb_peer_by_id(gateway->wg, question->peer_id);
	if (peer != NULL && peer->serial == question->serial) {
		names->control->timers[peer->id]->host_asked = false;
		if (found && !wb_endpoint_equal(&peer->endpoint, endpoint) &&
			(peer->timers.handshaking || peer->endpoint.addr.family == 0))
			peer_moved_to(names->control, peer, endpoint);
	}
	gateway_unlock(gateway);
}

/* The resolver has answered. False: too late, nothing but `names` itself is there any more. */
static bool asked(struct names *names)
{
	bool stopping;

	pthread_mutex_lock(&names->lock);
	names->asking = false;
	stopping = names->stopping;
	pthread_mutex_unlock(&names->lock);
	return !stopping;
}

static void *resolve(void *arg)
{
	struct names *names = arg;
	struct question *question;

	while ((question = question_next(names)) != NULL) {
		struct wb_endpoint endpoint = {.port = 0};
		int rc = wb_wgquick_host_resolve(question->host, question->port, &endpoint, NULL);

		if (asked(names))
			answer(names, question, &endpoint, rc == 0);
		question_free(question);
	}
	return NULL;
}

int names_start(struct control *control, struct wb_err *err)
{
	struct names *names = calloc(1, sizeof(*names));
	int rc;

	if (names == NULL)
		return wb_err_set(err, ENOMEM, "no memory for the resolver");
	names->control = control;
	STAILQ_INIT(&names->questions);
	pthread_mutex_init(&names->lock, NULL);
	pthread_cond_init(&names->news, NULL);
	rc = pthread_create(&names->thread, NULL, resolve, names);
	if (rc != 0) {
		free(names);
		return wb_err_set(err, rc, "resolver: %s", strerror(rc));
	}
	control->names = names;
	return 0;
}

void names_stop(struct names *names)
{
	struct question *question;
	bool asking;

	if (names == NULL)
		return;
	pthread_mutex_lock(&names->lock);
	names->stopping = true;
	asking = names->asking;
	pthread_cond_signal(&names->news);
	pthread_mutex_unlock(&names->lock);
	if (asking) {
		/* Nobody can stop the resolver: the thread ends with the process, or by itself. */
		pthread_detach(names->thread);
		return;
	}
	pthread_join(names->thread, NULL);
	while ((question = STAILQ_FIRST(&names->questions)) != NULL) {
		STAILQ_REMOVE_HEAD(&names->questions, entry);
		question_free(question);
	}
	free(names);
}

void names_note(struct control *control, struct wb_peer *peer, const char *host, uint16_t port)
{
	struct peer_timer *timer = peer != NULL ? control->timers[peer->id] : NULL;
	struct wb_addr address;

	if (timer == NULL)
		return;
	free(timer->host);
	timer->host = host != NULL && wb_addr_parse(host, &address) < 0 ? strdup(host) : NULL;
	timer->host_port = port;
}

void names_ask(struct control *control, const struct wb_peer *peer)
{
	struct peer_timer *timer = control->timers[peer->id];
	struct question *question;

	if (timer->host == NULL || timer->host_asked || control->names == NULL)
		return;
	question = calloc(1, sizeof(*question));
	if (question == NULL || (question->host = strdup(timer->host)) == NULL) {
		free(question);
		return;
	}
	question->peer_id = peer->id;
	question->serial = peer->serial;
	question->port = timer->host_port;
	timer->host_asked = true;
	pthread_mutex_lock(&control->names->lock);
	STAILQ_INSERT_TAIL(&control->names->questions, question, entry);
	pthread_cond_signal(&control->names->news);
	pthread_mutex_unlock(&control->names->lock);
}
