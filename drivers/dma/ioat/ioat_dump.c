/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * A channel for people. Reads registers, and locks no data path: beside a running one some values
 * may be a moment old.
 */

#include <inttypes.h>
#include <stdio.h>

#include "ioat_priv.h"

const char *
ioat_state_name(uint64_t state)
{
	static const char *const name[] = {"ACTIVE", "DONE", "SUSPENDED", "HALTED", "ARMED"};

	return state < RTE_DIM(name) ? name[state] : "undefined";
}

const char *
ioat_chanerr_name(unsigned int bit)
{
	static const char *const name[] = {
		"source_address",  "destination_address",
		"next_address",    "descriptor",
		"chain_address",   "command",
		"chipset_data",    "dma_data",
		"read_data",       "write_data",
		"control",         "length",
		"completion_addr", "interrupt_config",
		"sed_address",     "unaffiliated",
		"crc_or_xor",      "q",
		"desc_count",      "dif_all_f",
		"dif_guard",       "dif_application",
		"dif_reference",   "bundle",
		"result_all_f",    "result_guard",
		"result_app",      "result_reference",
	};

	return bit < RTE_DIM(name) ? name[bit] : NULL;
}

const char *
ioat_chanerr_text(char *to, size_t room, uint32_t chanerr)
{
	size_t len = 0;
	unsigned int bit;

	snprintf(to, room, "none");
	for (bit = 0; bit < 32 && len < room; bit++)
		if ((chanerr & RTE_BIT32(bit)) != 0 && ioat_chanerr_name(bit) != NULL)
			len += (size_t)snprintf(to + len, room - len, "%s%s", len == 0 ? "" : " ",
			                        ioat_chanerr_name(bit));
	return to;
}

static void
dump_registers(const struct ioat_chan *ch, FILE *f)
{
	const struct ioat_mmio *regs = ioat_chan_regs(ch);
	char text[256];
	uint32_t chanerr;
	uint64_t sts;

	if (regs == NULL || ch->closed) {
		fprintf(f, "  registers: %s\n",
		        ch->closed ? "the channel is closed"
		                   : "only the primary process reaches them");
		return;
	}
	sts = mmio_read64(regs, IOAT_CHANSTS);
	if ((uint32_t)sts == CHANSTS_ALL_ONES) {
		fprintf(f, "  registers: all ones, the device is gone\n");
		return;
	}
	chanerr = mmio_read32(regs, IOAT_CHANERR);
	fprintf(f, "  CHANSTS   0x%016" PRIx64 " (%s, last descriptor 0x%" PRIx64 ")\n", sts,
	        ioat_state_name(sts & CHANSTS_STATE), (uint64_t)(sts & CHANSTS_DESC));
	fprintf(f, "  CHANERR   0x%08x (%s)\n", chanerr,
	        ioat_chanerr_text(text, sizeof(text), chanerr));
	fprintf(f, "  CHANCTRL  0x%04x, DMACOUNT %u\n", mmio_read16(regs, IOAT_CHANCTRL),
	        mmio_read16(regs, IOAT_DMACOUNT));
	fprintf(f, "  CHAINADDR 0x%016" PRIx64 ", CHANCMP 0x%016" PRIx64 "\n",
	        mmio_read64(regs, IOAT_CHAINADDR), mmio_read64(regs, IOAT_CHANCMP));
}

static void
dump_ring(const struct ioat_chan *ch, FILE *f)
{
	uint64_t word = __atomic_load_n(ch->status, __ATOMIC_RELAXED);

	if (ch->mz == NULL) {
		fprintf(f, "  no ring: rte_dma_vchan_setup() was not called\n");
		return;
	}
	fprintf(f, "  ring of %u descriptors (%u asked for) at IOVA 0x%" PRIx64 ", NUMA node %d\n",
	        ch->mask + 1u, ch->nb_desc, ch->ring_iova, ch->mz->socket_id);
	fprintf(f, "  completion word 0x%016" PRIx64 " (%s) at IOVA 0x%" PRIx64 "\n", word,
	        ioat_state_name(word & CHANSTS_STATE), ch->status_iova);
	fprintf(f, "  descriptors: next %u, rung %u, oldest %u, counted from %u\n", ch->tail,
	        ch->rung, ch->head, ch->base);
	fprintf(f, "  operations: next %u, submitted %u, oldest %u%s\n",
	        (uint16_t)(ch->tail + ch->op_ahead), ch->op_rung, ch->op_head,
	        ch->odd.failed ? ", a failure waits to be taken" : "");
}

static void
dump_counters(const struct ioat_chan *ch, FILE *f)
{
	char text[256];
	unsigned int bit;

	fprintf(f, "  submitted %" PRIu64 ", completed %" PRIu64 ", of them failed %" PRIu64 "\n",
	        ch->submitted, ch->completed, ch->errors);
	fprintf(f,
	        "  doorbells %" PRIu64 " (%.1f operations each), completion writes %" PRIu64 "\n",
	        ch->doorbells, ch->doorbells == 0 ? 0 : (double)ch->submitted / ch->doorbells,
	        ch->doorbells + ch->compl_extra);
	fprintf(f, "  operations of several descriptors %" PRIu64 "\n", ch->splits);
	fprintf(f,
	        "  recoveries %" PRIu64 ", watchdog looks %" PRIu64 ", hits %" PRIu64
	        ", last CHANERR 0x%08x (%s)\n",
	        ch->recoveries, ch->watch_looks, ch->watch_hits, ch->last_chanerr,
	        ioat_chanerr_text(text, sizeof(text), ch->last_chanerr));
	for (bit = 0; bit < RTE_DIM(ch->chanerr_count); bit++)
		if (ch->chanerr_count[bit] != 0)
			fprintf(f, "  halts by %s: %" PRIu64 "\n",
			        ioat_chanerr_name(bit) == NULL ? "a reserved bit"
			                                       : ioat_chanerr_name(bit),
			        ch->chanerr_count[bit]);
	if (ch->causeless != 0)
		fprintf(f, "  halts without a cause: %" PRIu64 "\n", ch->causeless);
}

void
ioat_dump(const struct ioat_chan *ch, FILE *f)
{
	fprintf(f, "  %s: channel %u of %s, version %u.%u, at most %u bytes per descriptor%s\n",
	        ch->name, ch->index, ch->device, ch->cbver >> 4, ch->cbver & 0xf, ch->xfer_max,
	        ch->bfill ? ", block fill" : "");
	fprintf(f, "  state: %s%s\n",
	        ch->lost      ? "lost"
	        : ch->started ? "started"
	                      : "stopped",
	        ch->silent ? ", silent" : "");
	dump_registers(ch, f);
	dump_ring(ch, f);
	dump_counters(ch, f);
}
