/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_EVENT_H
#define VFU_EVENT_H

/**
 * @file
 * Signalling eventfds of clients, which may do with them what they like: fill the counter and
 * clear O_NONBLOCK at any moment, so that a write() would wait for ever.
 *
 * The kernel itself signals without waiting; asynchronous I/O is the way to ask it: a read of a
 * file of our own that reports its completion to the client's eventfd.
 */

#include <stdbool.h>

/**
 * Prepare the process; more calls do nothing. Not before a fork().
 * @return 0; -EAGAIN: the system's fs.aio-max-nr is reached; -ENOSYS: a kernel without
 * asynchronous I/O; -EMFILE, -ENFILE, -ENOMEM.
 */
int vfu_event_start(void);

/**
 * Prepare a child of fork() anew: what its parent had prepared is not the child's. One thread.
 * @return as vfu_event_start().
 */
int vfu_event_restart(void);

/** Whether a descriptor is an eventfd, without asking its file. After vfu_event_start(). */
bool vfu_event_is_one(int fd);

/**
 * Add 1 to an eventfd; a full counter stays full. Never waits. Any thread, after
 * vfu_event_start().
 * @return 0; -EINVAL: it is none; -EBADF; -EAGAIN, -ENOMEM: the kernel is short of something.
 */
int vfu_event_signal(int fd);

#endif /* VFU_EVENT_H */
