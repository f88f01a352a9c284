/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ucontext.h>

#include "vfu_guard.h"

/* Where the thread goes when its access fails; NULL: it is not in a guarded access. */
static _Thread_local sigjmp_buf *guard_exit;

static void
guard_on_sigbus(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *interrupted = context;

	(void)info;
	if (guard_exit != NULL) {
		/*
		 * A jump leaves the mask as the handler has it, and a second SIGBUS that is masked
		 * ends the process. SA_NODEFER is not enough: ThreadSanitizer masks all signals.
		 */
		pthread_sigmask(SIG_SETMASK, &interrupted->uc_sigmask, NULL);
		siglongjmp(*guard_exit, 1);
	}
	/* Not ours: the access is repeated on return, and then ends the process. */
	signal(sig, SIG_DFL);
}

int
vfu_guard_start(void)
{
	struct sigaction action = {.sa_sigaction = guard_on_sigbus, .sa_flags = SA_SIGINFO};

	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) == 0 ? 0 : -errno;
}

static void
guard_set(sigjmp_buf *where)
{
	guard_exit = where;
	atomic_signal_fence(memory_order_seq_cst); /* no access may move out of the guard */
}

static void
guard_clear(void)
{
	atomic_signal_fence(memory_order_seq_cst);
	guard_exit = NULL;
}

int
vfu_guard_copy(void *to, const void *from, size_t len)
{
	sigjmp_buf here;

	if (sigsetjmp(here, 0) == 0) {
		guard_set(&here);
		memcpy(to, from, len);
		guard_clear();
		return 0;
	}
	guard_clear();
	return -EIO;
}

/* ThreadSanitizer's store holds a lock of its runtime, which a jump out of it would never free. */
#if defined(__clang__)
#define NOT_BY_SANITIZER __attribute__((noinline, disable_sanitizer_instrumentation))
#else
#define NOT_BY_SANITIZER __attribute__((noinline, no_sanitize_thread))
#endif

NOT_BY_SANITIZER static void
guard_store64(uint64_t *to, uint64_t value)
{
	__atomic_store_n(to, value, __ATOMIC_RELEASE);
}

int
vfu_guard_store64(uint64_t *to, uint64_t value)
{
	sigjmp_buf here;

	if (sigsetjmp(here, 0) == 0) {
		guard_set(&here);
		guard_store64(to, value);
		guard_clear();
		return 0;
	}
	guard_clear();
	return -EIO;
}
