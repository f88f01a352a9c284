/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef SOAK_SERVER_H
#define SOAK_SERVER_H

/**
 * @file
 * The device server as a process, seen from outside.
 */

#include <stdint.h>
#include <sys/types.h>

struct soak_server {
	char folder[32], path[64]; /* of the socket */
	pid_t pid;
	int out; /* what it prints */
};

#define SOAK_OPTIONS_MAX 16u

/**
 * Start it with further options, a list that ends with NULL, and wait until it is ready.
 */
void soak_server_start(struct soak_server *s, const char *program, const char *const *options);

/** End it, and remove its folder. @return its status as wait() tells it; -1: not in a minute. */
int soak_server_stop(struct soak_server *s);

/** Count something with a command that runs in the server's folder of /proc. */
unsigned int soak_server_count(const struct soak_server *s, const char *command);

#define SERVER_FDS      "ls fd | wc -l"
#define SERVER_MAPPINGS "grep -c memfd:client maps"

/** What the server says about its only function. */
void soak_server_stats(const struct soak_server *s, uint64_t *descriptors, uint64_t *events);

#endif /* SOAK_SERVER_H */
