/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "soak.h"

#include <rte_common.h>

#include "fair.h"

#define LOOK_MS 100

/* Who may sleep while the port is open has to move from when it is closed. */
static void
look_at(struct soak *s, struct soak_actor *a, uint64_t now, uint64_t closed)
{
	uint64_t since = atomic_load(&a->moved_ns);

	if (!atomic_load(&a->here) || (!a->must_move && closed == UINT64_MAX))
		return;
	if (!a->must_move)
		since = RTE_MAX(since, closed);
	if (since < now && now - since > SOAK_PATIENCE)
		soak_wrong(s, "hangs:", NULL);
}

void *
soak_watch(void *arg)
{
	uint64_t now, closed = UINT64_MAX;
	struct fair_clock clock;
	struct soak *s = arg;

	fair_start(&clock);
	while (!atomic_load(&s->over)) {
		rig_sleep_ms(LOOK_MS);
		now = fair_now(&clock);
		atomic_store(&s->fair_ns, now);
		if (closed == UINT64_MAX && atomic_load(&s->closing))
			closed = now;
		for (uint32_t i = 0; i < s->nb_actors; i++)
			look_at(s, &s->actor[i], now, closed);
	}
	return NULL;
}
