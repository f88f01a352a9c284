/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* ioat-vfio-user: the model of I/OAT as PCI functions for virtual machines. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "vfu_event.h"
#include "vfu_guard.h"
#include "vfu_helper.h"
#include "vfu_options.h"
#include "vfu_session.h"

#define PATH_SIZE 4096
#define FDS_BASE  64u /* of the process itself */

static void
log_line(const char *path, const char *text)
{
	fprintf(stderr, "%s: %s\n", path, text);
}

/** What the sockets of clients need no more: capabilities, and ways to get them back. */
static int
drop_privileges(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	/* libc has no wrapper, and a library for one call of the start is not worth it. */
	return syscall(SYS_capset, &head, none) == 0 ? 0 : -errno;
}

/**
 * Let the descriptors that clients send be there: a shortage that one client makes would dismiss
 * the others'.
 */
static int
raise_limit(unsigned int functions)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	if (limit.rlim_max < FDS_BASE + (rlim_t)functions * VFU_FUNC_FDS)
		return -EMFILE;
	if (limit.rlim_cur >= FDS_BASE + (rlim_t)functions * VFU_FUNC_FDS)
		return 0;
	limit.rlim_cur = FDS_BASE + (rlim_t)functions * VFU_FUNC_FDS;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : -errno;
}

/** Take over signals and rights before there are threads and clients. */
static int
prepare(unsigned int functions, sigset_t *signals)
{
	int rc;

	/* Threads inherit the mask, so that signals wait for sigwait(). */
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGHUP);
	sigaddset(signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN); /* a reader of our logs that ends must not end the device */
	rc = raise_limit(functions);
	if (rc == 0)
		rc = vfu_guard_start();
	if (rc == 0)
		rc = vfu_event_start();
	if (rc == 0)
		rc = drop_privileges();
	if (rc == 0)
		rc = vfu_helper_start();
	return rc;
}

static void
print_stats(struct vfu_session *const *session, unsigned int count)
{
	struct vfu_func_stats s;
	unsigned int i;

	for (i = 0; i < count; i++) {
		vfu_func_stats(vfu_session_func(session[i]), &s);
		printf("function %u: doorbells %" PRIu64 " descriptors %" PRIu64 " bytes %" PRIu64
		       " completions %" PRIu64 " interrupts %" PRIu64 " events %" PRIu64
		       " errors %" PRIu64 " ranges %zu refused %" PRIu64 "\n",
		       i, s.count.doorbells, s.count.descriptors, s.count.bytes,
		       s.count.completions, s.count.interrupts, s.events, s.count.errors, s.ranges,
		       s.refused);
	}
	fflush(stdout);
}

/** Wait for a signal that ends the program. */
static void
wait_for_end(const sigset_t *signals, struct vfu_session *const *session,
             const struct vfu_options *opts)
{
	int sig;

	while (sigwait(signals, &sig) == 0 && sig == SIGUSR1) {
		if (opts->stats)
			print_stats(session, opts->functions);
	}
}

static const char *
hint(int rc)
{
	switch (rc) {
	case -ENAMETOOLONG:
		return " (107 bytes at most)";
	case -EEXIST:
		return " (it or its .lock was not made by this program, and is left as it is)";
	default:
		return "";
	}
}

static int
open_session(struct vfu_session **out, const struct vfu_options *opts, unsigned int function)
{
	struct vfu_session_conf conf = {
		.log = opts->verbose ? log_line : NULL,
		.func = opts->func,
	};
	char path[PATH_SIZE];
	int rc;

	if (opts->functions > 1)
		snprintf(path, sizeof(path), "%s.%u", opts->socket, function);
	else
		snprintf(path, sizeof(path), "%s", opts->socket);
	conf.path = path;
	conf.func.function = function;
	conf.func.multi_function = opts->functions > 1;
	rc = vfu_session_open(out, &conf);
	if (rc < 0)
		fprintf(stderr, "ioat-vfio-user: socket %s: %s%s\n", path, strerror(-rc), hint(rc));
	return rc;
}

/** Stop all, then free them. @return false: one does not stop, the process must end as it is. */
static bool
close_all(struct vfu_session *const *session, unsigned int opened, const struct vfu_options *opts)
{
	bool stopped = true;
	unsigned int i;

	for (i = 0; i < opened; i++)
		vfu_session_stop(session[i]);
	if (opts->stats)
		print_stats(session, opened);
	for (i = 0; i < opened; i++) {
		if (vfu_session_close(session[i]) < 0) {
			fprintf(stderr, "function %u does not stop\n", i);
			stopped = false;
		}
	}
	return stopped;
}

int
main(int argc, char **argv)
{
	struct vfu_session *session[VFU_FUNCTIONS_MAX] = {0};
	char err[VFU_ERROR_SIZE];
	struct vfu_options opts;
	unsigned int opened = 0;
	sigset_t signals;
	int rc;

	rc = vfu_options_parse(&opts, argc, argv, err);
	if (rc == VFU_OPTIONS_HELP) {
		vfu_options_usage(stdout, argv[0]);
		return 0;
	}
	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", argv[0], err);
		return 2;
	}
	rc = prepare(opts.functions, &signals);
	if (rc == -EMFILE)
		fprintf(stderr, "%s: needs %u descriptors (ulimit -n)\n", argv[0],
		        FDS_BASE + opts.functions * VFU_FUNC_FDS);
	else if (rc < 0)
		fprintf(stderr, "%s: cannot prepare the process: %s\n", argv[0], strerror(-rc));
	while (rc == 0 && opened < opts.functions) {
		rc = open_session(&session[opened], &opts, opened);
		if (rc == 0)
			opened++;
	}
	if (rc == 0) {
		puts("ready");
		fflush(stdout);
		wait_for_end(&signals, session, &opts);
	}
	if (!close_all(session, opened, &opts))
		_exit(1);
	return rc == 0 ? 0 : 1;
}
