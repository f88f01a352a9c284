/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "soak_server.h"
#include "test.h"

#define WAIT_MS 120000 /* it may have to wait for a processor */
#define STOP_MS 60000

void
soak_server_start(struct soak_server *s, const char *program, const char *const *options)
{
	const char *argv[SOAK_OPTIONS_MAX] = {program, "--socket", s->path};
	unsigned int n = 3;
	int out[2];
	char ready[6];

	while (*options != NULL && n < SOAK_OPTIONS_MAX - 1)
		argv[n++] = *options++;
	argv[n] = NULL;
	strcpy(s->folder, "/tmp/vfu_XXXXXX");
	CHECK(mkdtemp(s->folder) != NULL);
	snprintf(s->path, sizeof(s->path), "%s/socket", s->folder);
	CHECK_INT(pipe2(out, O_CLOEXEC), ==, 0);
	s->pid = fork();
	CHECK(s->pid >= 0);
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM); /* a failed check ends the test at once */
		dup2(out[1], STDOUT_FILENO);
		execv(program, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(out[1]);
	s->out = out[0];
	CHECK_INT(read(s->out, ready, sizeof(ready)), ==, sizeof(ready));
	CHECK_MEM(ready, "ready\n", sizeof(ready));
}

unsigned int
soak_server_count(const struct soak_server *s, const char *command)
{
	unsigned int n = 0;
	char line[96];
	FILE *f;

	snprintf(line, sizeof(line), "cd /proc/%d && %s", (int)s->pid, command);
	f = popen(line, "r");
	CHECK(f != NULL);
	CHECK_INT(fscanf(f, "%u", &n), ==, 1);
	pclose(f);
	return n;
}

void
soak_server_stats(const struct soak_server *s, uint64_t *descriptors, uint64_t *events)
{
	struct pollfd p = {.fd = s->out, .events = POLLIN};
	char line[512] = "";
	ssize_t n;

	kill(s->pid, SIGUSR1);
	CHECK_INT(poll(&p, 1, WAIT_MS), ==, 1);
	n = read(s->out, line, sizeof(line) - 1);
	CHECK_INT(n, >, 0);
	CHECK_INT(sscanf(line,
	                 "function 0: doorbells %*u descriptors %" SCNu64
	                 " bytes %*u completions %*u interrupts %*u events %" SCNu64,
	                 descriptors, events),
	          ==, 2);
}

int
soak_server_stop(struct soak_server *s)
{
	int status = -1, i;
	pid_t pid = 0;

	kill(s->pid, SIGTERM);
	/* waitpid() is in a header whose name is one of app/dmafwd's, too: the include table. */
	for (i = 0; i < STOP_MS / 10 && pid == 0; i++) {
		pid = (pid_t)syscall(SYS_wait4, s->pid, &status, 1 /* WNOHANG */, NULL);
		if (pid == 0)
			usleep(10000);
	}
	if (pid == 0)
		return -1;
	CHECK_INT(pid, ==, s->pid);
	CHECK_INT(rmdir(s->folder), ==, 0); /* it took its socket away */
	close(s->out);
	return status;
}
