/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench_trap.h"

#ifndef SYS_USER_DISPATCH
#define SYS_USER_DISPATCH 2 /* siginfo_t.si_code; glibc 2.36 does not have it */
#endif
#define RETURN_BYTES 16 /* more than the code by which a handler returns */

#ifdef __x86_64__ /* whose registers are known here */

static _Thread_local struct bench_trap *counts;
static _Thread_local _Atomic unsigned char selector; /* the kernel reads it at each system call */
static uintptr_t handler_return;

static void
count(const greg_t *r)
{
	long number = r[REG_RAX];
	int op = (int)r[REG_RSI] & FUTEX_CMD_MASK;

	atomic_fetch_add_explicit(&counts->all, 1, memory_order_relaxed);
	if (number == SYS_sched_yield)
		atomic_fetch_add_explicit(&counts->yields, 1, memory_order_relaxed);
	if (number == SYS_write || (number == SYS_futex && op != FUTEX_WAIT &&
	                            op != FUTEX_WAIT_BITSET && op != FUTEX_LOCK_PI))
		atomic_fetch_add_explicit(&counts->wakes, 1, memory_order_relaxed);
}

/* In place of the system call: its number and arguments are in the registers it was made with. */
static void
on_signal(int signal, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	int saved = errno;
	long rc;

	(void)signal;
	if (info->si_code != SYS_USER_DISPATCH) {
		handler_return = (uintptr_t)__builtin_return_address(0);
		return;
	}
	atomic_store_explicit(&selector, SYSCALL_DISPATCH_FILTER_ALLOW, memory_order_relaxed);
	count(r);
	rc = syscall(r[REG_RAX], r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8],
	             r[REG_R9]);
	r[REG_RAX] = rc == -1 ? -errno : rc;
	errno = saved;
	atomic_store_explicit(&selector, SYSCALL_DISPATCH_FILTER_BLOCK, memory_order_relaxed);
}

int
bench_trap_open(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

	if (sigaction(SIGSYS, &action, NULL) < 0)
		return -errno;
	/* The handler must be able to return by a system call: it learns where that is made. */
	return raise(SIGSYS) == 0 && handler_return != 0 ? 0 : -ENOSYS;
}

int
bench_trap_begin(struct bench_trap *trap)
{
	counts = trap;
	atomic_store(&trap->wakes, 0);
	atomic_store(&trap->yields, 0);
	atomic_store(&trap->all, 0);
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, handler_return, RETURN_BYTES,
	          &selector) < 0)
		return -errno;
	atomic_store_explicit(&selector, SYSCALL_DISPATCH_FILTER_BLOCK, memory_order_relaxed);
	return 0;
}

void
bench_trap_end(void)
{
	atomic_store_explicit(&selector, SYSCALL_DISPATCH_FILTER_ALLOW, memory_order_relaxed);
	prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
}

#else

int
bench_trap_open(void)
{
	return -ENOTSUP;
}

int
bench_trap_begin(struct bench_trap *trap)
{
	(void)trap;
	return -ENOTSUP;
}

void
bench_trap_end(void)
{
}

#endif
