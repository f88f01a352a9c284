/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/aio_abi.h>

#include "vfu_event.h"

#define RING    64u   /* completions that wait to be taken off */
#define NOWHERE 4095u /* bytes before the last address, which is the kernel's */

/* One for the process: to end one takes tens of milliseconds, and all threads may use it. */
static struct {
	pthread_once_t once;
	int error;
	aio_context_t aio;
	int fd; /* an empty file: reading it ends at once */
} event = {.once = PTHREAD_ONCE_INIT, .fd = -1};

static void
event_start(void)
{
	event.error = 0;
	event.aio = 0;
	event.fd = memfd_create("vfu_event", MFD_CLOEXEC);
	if (event.fd < 0 || syscall(SYS_io_setup, RING, &event.aio) < 0)
		event.error = -errno;
}

int
vfu_event_start(void)
{
	pthread_once(&event.once, event_start);
	return event.error;
}

int
vfu_event_restart(void)
{
	event_start();
	return event.error;
}

/** Read one byte to @p to, whose end is reported to @p fd. @return 0; negative errno. */
static int
event_submit(int fd, uint64_t to)
{
	struct iocb read = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)event.fd,
		.aio_buf = to,
		.aio_nbytes = 1,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)fd,
	};
	struct iocb *list[1] = {&read};

	return syscall(SYS_io_submit, event.aio, 1L, list) == 1 ? 0 : -errno;
}

/** Throw completions away: the eventfd was told. */
static void
event_reap(void)
{
	static const struct timespec at_once = {0};
	struct io_event done[RING];

	syscall(SYS_io_getevents, event.aio, 0L, (long)RING, done, &at_once);
}

/**
 * As event_submit(), with room made where completions of signals have filled the ring. Another
 * thread may take the room; not as often as there is room.
 */
static int
event_submit_with_room(int fd, uint64_t to)
{
	unsigned int tries;
	int rc = -EAGAIN;

	for (tries = 0; tries < RING && rc == -EAGAIN; tries++) {
		rc = event_submit(fd, to);
		if (rc == -EAGAIN)
			event_reap();
	}
	return rc;
}

bool
vfu_event_is_one(int fd)
{
	/*
	 * The kernel looks at the descriptor before it refuses to read to an address that no
	 * process has, and then signals nothing. This needs no /proc.
	 */
	return event_submit_with_room(fd, UINT64_MAX - NOWHERE) == -EFAULT;
}

int
vfu_event_signal(int fd)
{
	char byte;

	return event_submit_with_room(fd, (uintptr_t)&byte);
}
