/* SPDX-License-Identifier: BSD-3-Clause */
#include "hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* wg-quick is a bash script, and so is what people write for it. */
static const char *const shells[] = {"/bin/bash", "/bin/sh"};

static atomic_int running; /* process group of the command that runs; 0: none */
static atomic_bool abandoned;

/* The command with the tunnel's name in place of each %i. */
static char *expand(const char *command, const char *tunnel)
{
	size_t name = strlen(tunnel), length = strlen(command) + 1;
	char *out, *to;

	for (const char *at = command; (at = strstr(at, "%i")) != NULL; at += 2)
		length += name;
	out = to = malloc(length);
	while (out != NULL && *command != '\0')
		if (command[0] == '%' && command[1] == 'i') {
			memcpy(to, tunnel, name);
			to += name;
			command += 2;
		} else {
			*to++ = *command++;
		}
	if (out != NULL)
		*to = '\0';
	return out;
}

/* The child has no signal blocked, a process group of its own, and nothing open but its three. */
static int spawn(const char *command, int log, pid_t *pid)
{
	const char *shell = access(shells[0], X_OK) == 0 ? shells[0] : shells[1];
	char *const argv[] = {(char *)(uintptr_t)shell, "-c", (char *)(uintptr_t)command, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	int rc;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes,
		POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, log, 1);
	posix_spawn_file_actions_adddup2(&files, log, 2);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	rc = posix_spawn(pid, shell, &files, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return rc;
}

static int wait_for(pid_t pid)
{
	int status;

	atomic_store(&running, pid);
	if (atomic_load(&abandoned))
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	atomic_store(&running, 0);
	return status;
}

static int run_one(const char *command, int log, struct wb_err *err)
{
	pid_t pid;
	int rc, status;

	if (atomic_load(&abandoned))
		return wb_err_set(err, ECANCELED, "'%s' was not run: ending", command);
	dprintf(log, "[#] %s\n", command);
	rc = spawn(command, log, &pid);
	if (rc != 0)
		return wb_err_set(err, rc, "'%s' does not start: %s", command, strerror(rc));
	status = wait_for(pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return wb_err_set(
			err, ECANCELED, "'%s' was ended by signal %d", command, WTERMSIG(status));
	return wb_err_set(
		err, ECANCELED, "'%s' ended with status %d", command, WEXITSTATUS(status));
}

int hooks_run(const struct wb_texts *commands, const char *tunnel, int log, struct wb_err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < commands->n; i++) {
		char *command = expand(commands->texts[i], tunnel);

		rc = command == NULL ? wb_err_set(err, ENOMEM, "no memory for a command")
				     : run_one(command, log, err);
		free(command);
	}
	return rc == 0 ? 0 : wb_err_prefix(err, rc, "%s", tunnel);
}

void hooks_abandon(void)
{
	int pid;

	atomic_store(&abandoned, true);
	pid = atomic_load(&running);
	if (pid > 0)
		kill(-pid, SIGKILL);
}

static bool resolvconf_there(void)
{
	static const char *const places[] = {
		"/sbin/resolvconf", "/usr/sbin/resolvconf", "/usr/bin/resolvconf"};

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], X_OK) == 0)
			return true;
	return false;
}

/* Debian's resolvconf orders its records by the interface's kind. */
static const char *record_prefix(void)
{
	return access("/etc/resolvconf/interface-order", R_OK) == 0 ? "tun." : "";
}

void hooks_dns_set(const struct wb_wgquick *file, int log)
{
	struct wb_err err = {.text = ""};
	char *command = NULL;
	size_t size;
	FILE *text;

	if (file->dns.n == 0 && file->dns_search.n == 0)
		return;
	if (!resolvconf_there()) {
		dprintf(log, "wirebraid: notice: %s: DNS is not set: no resolvconf here\n",
			file->name);
		return;
	}
	text = open_memstream(&command, &size);
	if (text == NULL)
		return;
	/* What stands in the lists was proved to be addresses and domains. */
	fputs("printf '%s\\n'", text);
	for (unsigned i = 0; i < file->dns.n; i++)
		fprintf(text, " 'nameserver %s'", file->dns.texts[i]);
	for (unsigned i = 0; i < file->dns_search.n; i++)
		fprintf(text, "%s%s", i == 0 ? " 'search " : " ", file->dns_search.texts[i]);
	fprintf(text, "%s | resolvconf -a %s%s -m 0 -x", file->dns_search.n > 0 ? "'" : "",
		record_prefix(), file->name);
	fclose(text);
	if (run_one(command, log, &err) < 0)
		dprintf(log, "wirebraid: notice: %s: DNS: %s\n", file->name, err.text);
	free(command);
}

void hooks_dns_unset(const struct wb_wgquick *file, int log)
{
	struct wb_err err = {.text = ""};
	char command[64];

	if ((file->dns.n == 0 && file->dns_search.n == 0) || !resolvconf_there())
		return;
	snprintf(command, sizeof(command), "resolvconf -d %s%s -f", record_prefix(), file->name);
	if (run_one(command, log, &err) < 0)
		dprintf(log, "wirebraid: notice: %s: DNS: %s\n", file->name, err.text);
}
