/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * EAL's own memory is kept as a sorted table of ranges, made once and then updated by EAL's
 * memory events, so that a look-up never waits for EAL's locks: a thread that frees memory holds
 * them while it waits for us. Memory registered with rte_extmem_register() raises no event; it is
 * looked up in EAL's lists each time and not cached. For the same reason that is done without
 * EAL's lock, so no copy may run on any emulated channel while rte_extmem_unregister() does.
 */

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ioat_dpdk.h"
#include "ioat_emu_mem.h"

#define EVENT_NAME "ioat_emu_mem"

static struct {
	pthread_mutex_t lock; /* over all but the generation */
	unsigned int users;
	bool events; /* EAL tells of changes; without huge pages its memory is fixed */
	emu_mem_quiesce quiesce;
	struct emu_mem_range *range; /* sorted, apart from each other */
	size_t count;
	size_t room;
	uint32_t generation; /* atomic: changes when a range goes away */
} mem = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The first range that ends behind addr; mem.count if none does. */
static size_t
table_seek(uintptr_t addr)
{
	size_t low = 0, high = mem.count, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (mem.range[mid].end > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* Replace @p gone ranges from index @p at by @p n of @p with. */
static int
table_splice(size_t at, size_t gone, const struct emu_mem_range *with, size_t n)
{
	size_t count = mem.count - gone + n;
	struct emu_mem_range *range;

	if (count > mem.room) {
		range = realloc(mem.range, 2 * count * sizeof(*range));
		if (range == NULL)
			return -ENOMEM;
		mem.range = range;
		mem.room = 2 * count;
	}
	if (mem.count > at + gone)
		memmove(&mem.range[at + n], &mem.range[at + gone],
		        (mem.count - at - gone) * sizeof(*mem.range));
	if (n > 0)
		memcpy(&mem.range[at], with, n * sizeof(*with));
	mem.count = count;
	return 0;
}

static int
table_add(uintptr_t start, uintptr_t end)
{
	struct emu_mem_range one = {start, end};
	size_t at = table_seek(start == 0 ? 0 : start - 1); /* one that ends at start joins */
	size_t n = 0;

	for (; at + n < mem.count && mem.range[at + n].start <= end; n++) {
		one.start = RTE_MIN(one.start, mem.range[at + n].start);
		one.end = RTE_MAX(one.end, mem.range[at + n].end);
	}
	return table_splice(at, n, &one, 1);
}

static int
table_remove(uintptr_t start, uintptr_t end)
{
	struct emu_mem_range keep[2];
	size_t at = table_seek(start), gone = 0, n = 0;

	for (; at + gone < mem.count && mem.range[at + gone].start < end; gone++) {
		struct emu_mem_range *r = &mem.range[at + gone];

		if (r->start < start)
			keep[n++] = (struct emu_mem_range){r->start, start};
		if (r->end > end)
			keep[n++] = (struct emu_mem_range){end, r->end};
	}
	return table_splice(at, gone, keep, n);
}

static void
mem_event(enum rte_mem_event event, const void *addr, size_t len, void *arg __rte_unused)
{
	uintptr_t start = (uintptr_t)addr;
	emu_mem_quiesce quiesce = NULL;
	int rc;

	pthread_mutex_lock(&mem.lock);
	if (event == RTE_MEM_EVENT_ALLOC) {
		rc = table_add(start, start + len);
	} else {
		rc = table_remove(start, start + len);
		if (rc < 0) /* rather nothing than memory that is gone */
			mem.count = 0;
		__atomic_add_fetch(&mem.generation, 1, __ATOMIC_RELEASE);
		quiesce = mem.quiesce;
	}
	pthread_mutex_unlock(&mem.lock);
	if (rc < 0)
		IOAT_LOG(ERR, "emulation: no memory for the table of ranges, copies to or from "
		              "memory allocated now will fail");
	if (quiesce != NULL)
		quiesce();
}

static int
add_segments(const struct rte_memseg_list *msl, const struct rte_memseg *ms, size_t len,
             void *arg __rte_unused)
{
	/* Registered memory comes and goes without an event. */
	if (msl->external)
		return 0;
	return table_add(ms->addr_64, ms->addr_64 + len) < 0 ? -1 : 0;
}

/* EAL's lock first, then ours, as in an event. */
static int
mem_fill(const struct rte_memseg_list *msl, const struct rte_memseg *ms, size_t len, void *arg)
{
	int rc;

	pthread_mutex_lock(&mem.lock);
	rc = add_segments(msl, ms, len, arg);
	pthread_mutex_unlock(&mem.lock);
	return rc;
}

int
emu_mem_start(emu_mem_quiesce quiesce)
{
	bool first;

	pthread_mutex_lock(&mem.lock);
	first = mem.users++ == 0;
	mem.quiesce = quiesce;
	pthread_mutex_unlock(&mem.lock);
	if (!first)
		return 0;
	/* Events first: what appears in between is found twice and joined. */
	mem.events = rte_mem_event_callback_register(EVENT_NAME, mem_event, NULL) == 0;
	if (!mem.events && rte_errno != ENOTSUP) {
		int rc = -rte_errno;

		emu_mem_stop();
		return rc;
	}
	if (rte_memseg_contig_walk(mem_fill, NULL) < 0) {
		emu_mem_stop();
		return -ENOMEM;
	}
	return 0;
}

void
emu_mem_stop(void)
{
	bool last;

	pthread_mutex_lock(&mem.lock);
	last = --mem.users == 0;
	pthread_mutex_unlock(&mem.lock);
	if (!last)
		return;
	/* Not under our lock: EAL takes its own, and a running event waits for ours. */
	if (mem.events)
		rte_mem_event_callback_unregister(EVENT_NAME, NULL);
	pthread_mutex_lock(&mem.lock);
	free(mem.range);
	mem.range = NULL;
	mem.count = 0;
	mem.room = 0;
	pthread_mutex_unlock(&mem.lock);
	__atomic_add_fetch(&mem.generation, 1, __ATOMIC_RELEASE);
}

static void *
clip(uintptr_t addr, uintptr_t end, size_t *len)
{
	*len = RTE_MIN(*len, end - addr);
	return (void *)addr;
}

static void *
find_external(uintptr_t addr, size_t *len)
{
	const struct rte_memseg_list *msl = rte_mem_virt2memseg_list((void *)addr);
	const struct rte_memseg *ms;

	if (msl == NULL || !msl->external)
		return NULL;
	ms = rte_mem_virt2memseg((void *)addr, msl);
	if (ms == NULL || ms->addr == NULL)
		return NULL;
	return clip(addr, ms->addr_64 + ms->len, len);
}

static __rte_noinline void *
find_slow(struct emu_mem_cache *cache, uintptr_t addr, size_t *len)
{
	struct emu_mem_range found = {0, 0};
	size_t at;

	pthread_mutex_lock(&mem.lock);
	at = table_seek(addr);
	if (at < mem.count && mem.range[at].start <= addr)
		found = mem.range[at];
	pthread_mutex_unlock(&mem.lock);
	if (found.end == 0)
		return find_external(addr, len);
	cache->range[cache->next] = found;
	cache->next = (cache->next + 1) % EMU_MEM_CACHED;
	return clip(addr, found.end, len);
}

void *
emu_mem_find(struct emu_mem_cache *cache, uint64_t addr, size_t *len)
{
	uint32_t now = __atomic_load_n(&mem.generation, __ATOMIC_ACQUIRE);
	unsigned int i;

	if (unlikely(cache->generation != now)) {
		memset(cache, 0, sizeof(*cache));
		cache->generation = now;
	}
	for (i = 0; i < EMU_MEM_CACHED; i++)
		if (addr >= cache->range[i].start && addr < cache->range[i].end)
			return clip(addr, cache->range[i].end, len);
	return find_slow(cache, addr, len);
}
