/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Telemetry: /ioat/list, /ioat/info, /ioat/stats, /ioat/regs. Runs in EAL's telemetry thread. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ioat_priv.h"

static void
add_hex(struct rte_tel_data *d, const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	rte_tel_data_add_dict_string(d, name, text);
}

static int
visit_list(int16_t id, const struct ioat_chan *ch __rte_unused, void *arg)
{
	return rte_tel_data_add_array_int(arg, id);
}

static int
visit_info(int16_t id __rte_unused, const struct ioat_chan *ch, void *arg)
{
	char version[16];

	snprintf(version, sizeof(version), "%u.%u", ch->cbver >> 4, ch->cbver & 0xf);
	rte_tel_data_add_dict_string(arg, "name", ch->name);
	rte_tel_data_add_dict_string(arg, "device", ch->device);
	rte_tel_data_add_dict_int(arg, "channel", ch->index);
	rte_tel_data_add_dict_string(arg, "version", version);
	rte_tel_data_add_dict_string(arg, "state",
	                             ch->lost      ? "lost"
	                             : ch->started ? "started"
	                                           : "stopped");
	ioat_tel_add_uint(arg, "bytes_per_descriptor", ch->xfer_max);
	rte_tel_data_add_dict_int(arg, "block_fill", ch->bfill);
	rte_tel_data_add_dict_int(arg, "silent", ch->silent);
	rte_tel_data_add_dict_int(arg, "ring_asked", ch->nb_desc);
	rte_tel_data_add_dict_int(arg, "ring_slots", ch->mz == NULL ? 0 : ch->mask + 1);
	rte_tel_data_add_dict_int(arg, "ring_node", ch->mz == NULL ? -1 : ch->mz->socket_id);
	return 0;
}

static int
visit_stats(int16_t id __rte_unused, const struct ioat_chan *ch, void *arg)
{
	struct rte_tel_data *d = arg;
	char name[64];
	unsigned int bit;

	ioat_tel_add_uint(d, "submitted", ch->submitted);
	ioat_tel_add_uint(d, "completed", ch->completed);
	ioat_tel_add_uint(d, "errors", ch->errors);
	ioat_tel_add_uint(d, "doorbells", ch->doorbells);
	ioat_tel_add_uint(d, "batch_mean", ch->doorbells == 0 ? 0 : ch->submitted / ch->doorbells);
	ioat_tel_add_uint(d, "splits", ch->splits);
	ioat_tel_add_uint(d, "completion_writes", ch->doorbells + ch->compl_extra);
	ioat_tel_add_uint(d, "recoveries", ch->recoveries);
	ioat_tel_add_uint(d, "watchdog_looks", ch->watch_looks);
	ioat_tel_add_uint(d, "watchdog_hits", ch->watch_hits);
	add_hex(d, "last_chanerr", ch->last_chanerr);
	ioat_tel_add_uint(d, "halts_without_cause", ch->causeless);
	for (bit = 0; ioat_chanerr_name(bit) != NULL; bit++) {
		snprintf(name, sizeof(name), "halts_%s", ioat_chanerr_name(bit));
		ioat_tel_add_uint(d, name, ch->chanerr_count[bit]);
	}
	return 0;
}

static int
visit_regs(int16_t id __rte_unused, const struct ioat_chan *ch, void *arg)
{
	const struct ioat_mmio *regs = ioat_chan_regs(ch);
	uint32_t chanerr;
	char text[128]; /* as long as telemetry's strings are */
	uint64_t sts;

	if (regs == NULL || ch->closed)
		return -ENOTSUP;
	sts = mmio_read64(regs, IOAT_CHANSTS);
	if ((uint32_t)sts == CHANSTS_ALL_ONES) {
		rte_tel_data_add_dict_string(arg, "state", "gone");
		return 0;
	}
	chanerr = mmio_read32(regs, IOAT_CHANERR);
	rte_tel_data_add_dict_string(arg, "state", ioat_state_name(sts & CHANSTS_STATE));
	add_hex(arg, "last_descriptor", sts & CHANSTS_DESC);
	add_hex(arg, "CHANSTS", sts);
	add_hex(arg, "CHANCTRL", mmio_read16(regs, IOAT_CHANCTRL));
	rte_tel_data_add_dict_int(arg, "DMACOUNT", mmio_read16(regs, IOAT_DMACOUNT));
	add_hex(arg, "CHAINADDR", mmio_read64(regs, IOAT_CHAINADDR));
	add_hex(arg, "CHANCMP", mmio_read64(regs, IOAT_CHANCMP));
	add_hex(arg, "CHANERR", chanerr);
	rte_tel_data_add_dict_string(arg, "errors", ioat_chanerr_text(text, sizeof(text), chanerr));
	add_hex(arg, "CHANERRMASK", mmio_read32(regs, IOAT_CHANERRMASK));
	return 0;
}

static int
on_list(const char *cmd __rte_unused, const char *params __rte_unused, struct rte_tel_data *d)
{
	rte_tel_data_start_array(d, RTE_TEL_INT_VAL);
	return ioat_mp_visit(-1, visit_list, d);
}

/* The commands with an id. @return -EINVAL or -ENODEV: telemetry replies null. */
static int
on_one(const char *params, int (*visit)(int16_t, const struct ioat_chan *, void *),
       struct rte_tel_data *d)
{
	char *end;
	long id;

	if (params == NULL || params[0] < '0' || params[0] > '9')
		return -EINVAL;
	id = strtol(params, &end, 10);
	if (*end != '\0' || id > INT16_MAX)
		return -EINVAL;
	rte_tel_data_start_dict(d);
	return ioat_mp_visit((int)id, visit, d);
}

static int
on_info(const char *cmd __rte_unused, const char *params, struct rte_tel_data *d)
{
	return on_one(params, visit_info, d);
}

static int
on_stats(const char *cmd __rte_unused, const char *params, struct rte_tel_data *d)
{
	return on_one(params, visit_stats, d);
}

static int
on_regs(const char *cmd __rte_unused, const char *params, struct rte_tel_data *d)
{
	return on_one(params, visit_regs, d);
}

RTE_INIT(ioat_telemetry)
{
	rte_telemetry_register_cmd("/ioat/list", on_list,
	                           "Ids of the I/OAT dmadevs. Takes no parameter.");
	rte_telemetry_register_cmd("/ioat/info", on_info,
	                           "What an I/OAT channel is. Parameter: its dmadev id.");
	rte_telemetry_register_cmd("/ioat/stats", on_stats,
	                           "Counters of an I/OAT channel. Parameter: its dmadev id.");
	rte_telemetry_register_cmd("/ioat/regs", on_regs,
	                           "Registers of an I/OAT channel. Parameter: its dmadev id.");
}
