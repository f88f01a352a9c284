/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "stats.h"

#include <inttypes.h>
#include <string.h>

static const char *const drop_names[DROP_CAUSES] = {
	[DROP_TX] = "tx",
	[DROP_NO_MBUF] = "no mbuf",
	[DROP_DMA] = "DMA error",
	[DROP_TOO_LONG] = "too long",
};

void
stats_add_stream(struct stats_sum *sum, const struct stream_counters *sc)
{
	/* A packet is counted first as received and last as sent; read in the other order,
	 * the sums of a running stream do not show more sent than received.
	 */
	sum->sent += counter_get(&sc->sent);
	for (unsigned int i = 0; i < DROP_CAUSES; i++)
		sum->dropped[i] += counter_get(&sc->dropped[i]);
	sum->dma_packets += counter_get(&sc->dma_packets);
	sum->dma_bytes += counter_get(&sc->dma_bytes);
	sum->cpu_packets += counter_get(&sc->cpu_packets);
	sum->cpu_bytes += counter_get(&sc->cpu_bytes);
	sum->received += counter_get(&sc->received);
}

uint64_t
stats_in_flight(const struct stats_sum *sum)
{
	uint64_t left = sum->received - sum->sent;

	for (unsigned int i = 0; i < DROP_CAUSES; i++)
		left -= sum->dropped[i];
	return left;
}

void
stats_print_sum(FILE *out, const char *prefix, const struct stats_sum *sum)
{
	fprintf(out, "%s received packets: %" PRIu64 "\n", prefix, sum->received);
	fprintf(out, "%s copied by DMA packets: %" PRIu64 "\n", prefix, sum->dma_packets);
	fprintf(out, "%s copied by DMA bytes: %" PRIu64 "\n", prefix, sum->dma_bytes);
	fprintf(out, "%s copied by CPU packets: %" PRIu64 "\n", prefix, sum->cpu_packets);
	fprintf(out, "%s copied by CPU bytes: %" PRIu64 "\n", prefix, sum->cpu_bytes);
	fprintf(out, "%s sent packets: %" PRIu64 "\n", prefix, sum->sent);
	for (unsigned int i = 0; i < DROP_CAUSES; i++)
		fprintf(out, "%s dropped (%s): %" PRIu64 "\n", prefix, drop_names[i],
		        sum->dropped[i]);
	fprintf(out, "%s in flight: %" PRIu64 "\n", prefix, stats_in_flight(sum));
}

void
stats_print_channel(FILE *out, const char *prefix, const struct channel_counters *cc)
{
	uint64_t submits = counter_get(&cc->submits);
	uint64_t operations = counter_get(&cc->operations);
	int fault = atomic_load_explicit(&cc->fault, memory_order_relaxed);

	fprintf(out, "%s operations: %" PRIu64 "\n", prefix, operations);
	fprintf(out, "%s submits: %" PRIu64 "\n", prefix, submits);
	fprintf(out, "%s mean batch: %.2f\n", prefix,
	        submits != 0 ? (double)operations / (double)submits : 0.0);
	fprintf(out, "%s failed operations: %" PRIu64 "\n", prefix, counter_get(&cc->errors));
	fprintf(out, "%s packets copied by CPU instead: %" PRIu64 "\n", prefix,
	        counter_get(&cc->redone));
	fprintf(out, "%s state: %s\n", prefix, fault == 0 ? "in use" : strerror(-fault));
}
