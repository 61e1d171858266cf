/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Commands that a tunnel's file has run when it goes up or down, as wg-quick(8) does.
 */
#ifndef WB_APP_HOOKS_H
#define WB_APP_HOOKS_H

#include "base/err.h"
#include "uapi/wgquick.h"

/**
 * Runs commands one after the other, %i being the tunnel's name; waits for each, and stops at the
 * first that fails. Each is told on `log` before it runs, and writes there.
 * @return 0; -ECANCELED: it failed.
 */
int hooks_run(const struct wb_texts *commands, const char *tunnel, int log, struct wb_err *err);

/** Tells resolvconf(8) of the file's DNS servers, or to forget them; tells `log` if it is not
 * there. */
void hooks_dns_set(const struct wb_wgquick *file, int log);
void hooks_dns_unset(const struct wb_wgquick *file, int log);

/** Ends the command that runs, and lets no other one begin: whoever waits has waited enough. Any
 * thread. */
void hooks_abandon(void);

#endif
