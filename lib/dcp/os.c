/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <rte_pause.h>

#include "dcp_os.h"
#include "dcp_sync.h"

#define NS_PER_S     1000000000u
#define SPINS_PER_GO 64 /* a holder that was preempted needs the processor more than we do */

void
dcp_os_relax(uint32_t spins)
{
	if (spins % SPINS_PER_GO == SPINS_PER_GO - 1)
		sched_yield();
	else
		rte_pause();
}

uint64_t
dcp_os_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

void
dcp_os_sleep(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(deadline_ns / NS_PER_S),
		.tv_nsec = (long)(deadline_ns % NS_PER_S),
	};

	/* Of the futex calls that wait, this one takes a point in time and not a duration. */
	syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
	        deadline_ns == UINT64_MAX ? NULL : &ts, NULL, FUTEX_BITSET_MATCH_ANY);
}

void
dcp_os_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
