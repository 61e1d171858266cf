/* SPDX-License-Identifier: BSD-3-Clause */
/* The gateway's file, and those of its tunnels: gateway.conf, wg0.conf and wg1.conf in one input,
 * parted by form feeds. */
#include <errno.h>

#include "config.h"
#include "fuzz.h"

static void part(struct fuzz_input *input, const char *name)
{
	const uint8_t *end = input->left > 0 ? memchr(input->at, '\f', input->left) : NULL;
	size_t length = end != NULL ? (size_t)(end - input->at) : input->left;

	fuzz_file(name, input->at, length);
	input->at += length;
	input->left -= length;
	if (end != NULL) {
		input->at++;
		input->left--;
	}
}

/* The harness reads its own files: no others, which might be a pipe that nobody writes to. */
static bool names_no_other(const uint8_t *data, size_t size)
{
	static const char word[] = "tunnel";
	const uint8_t *end = data + size, *at = data;

	while (at < end && (at = memmem(at, (size_t)(end - at), word, strlen(word))) != NULL) {
		const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));

		if (memchr(at, '/', (size_t)((stop != NULL ? stop : end) - at)) != NULL)
			return false;
		at += strlen(word);
	}
	return true;
}

static void routes_check(const struct wb_config *config)
{
	struct config_route *routes = NULL;
	struct wb_err err;
	unsigned n = 0;

	FUZZ_CHECK(wb_config_routes(config->tunnels, config->n_tunnels, &routes, &n, &err) == 0);
	for (unsigned i = 0; i < n; i++) {
		FUZZ_CHECK(routes[i].n_tunnels > 0 && routes[i].n_tunnels <= config->n_tunnels);
		FUZZ_CHECK(i == 0 || wb_config_route_compare(&routes[i - 1], &routes[i]) < 0);
		for (unsigned j = 0; j < routes[i].n_tunnels; j++)
			FUZZ_CHECK(routes[i].tunnels[j] < config->n_tunnels);
	}
	free(routes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.at = data, .left = size};
	struct wb_err err = {.text = ""};
	struct wb_config *config;
	int rc;

	if (names_no_other(data, size))
		part(&input, "gateway.conf");
	else
		fuzz_file("gateway.conf", "", 0);
	part(&input, "wg0.conf");
	part(&input, "wg1.conf");
	rc = wb_config_load(fuzz_path("gateway.conf"), &config, &err);
	FUZZ_CHECK(rc == 0 || err.text[0] != '\0');
	if (rc < 0)
		return 0;
	routes_check(config);
	FUZZ_CHECK(wb_config_same_gateway(config, config, &err) == 0);
	for (unsigned i = 0; i < config->n_tunnels; i++)
		wb_config_tunnel_mtu(config, config->tunnels[i]);
	wb_config_free(config);
	return 0;
}
