/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ioat_model_priv.h"

/*
 * The capabilities stop at block fill on purpose: Linux runs self-tests of its own on whatever
 * else a part advertises.
 */
/* clang-format off */
static const struct ioat_model_identity identities[] = {
	[IOAT_MODEL_ICX] = { "icx", IOAT_DEV_ICX,  CBVER_3_4, 21, DMACAP_BFILL },
	[IOAT_MODEL_SKX] = { "skx", IOAT_DEV_SKX,  CBVER_3_3, 21, DMACAP_BFILL },
	[IOAT_MODEL_BDX] = { "bdx", IOAT_DEV_BDX0, CBVER_3_2, 20, DMACAP_BFILL },
	[IOAT_MODEL_IVB] = { "ivb", IOAT_DEV_IVB0, CBVER_3_2, 20, DMACAP_BFILL },
};
/* clang-format on */

#define IDENTITIES (sizeof(identities) / sizeof(identities[0]))

const struct ioat_model_identity *
ioat_model_identity(enum ioat_model_device device)
{
	size_t i = (size_t)device;

	return i < IDENTITIES ? &identities[i] : NULL;
}

int
ioat_model_device_by_name(const char *name, enum ioat_model_device *device)
{
	size_t i;

	for (i = 0; i < IDENTITIES; i++) {
		if (strcmp(name, identities[i].name) == 0) {
			*device = (enum ioat_model_device)i;
			return 0;
		}
	}
	return -ENOENT;
}

int
ioat_model_halt_word_by_name(const char *name, enum ioat_model_halt_word *halt_word)
{
	static const char *const names[] = {
		[IOAT_MODEL_HALT_WORD_ALWAYS] = "always",
		[IOAT_MODEL_HALT_WORD_ASKED] = "asked",
		[IOAT_MODEL_HALT_WORD_NEVER] = "never",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			*halt_word = (enum ioat_model_halt_word)i;
			return 0;
		}
	}
	return -ENOENT;
}

static bool
model_conf_is_legal(const struct ioat_model_conf *conf)
{
	const struct ioat_model_host *host = &conf->host;

	if (ioat_model_identity(conf->device) == NULL || conf->channels > IOAT_CHAN_MAX)
		return false;
	if (conf->xfercap != 0 && (conf->xfercap < XFERCAP_MIN || conf->xfercap > XFERCAP_MAX))
		return false;
	if ((unsigned int)conf->halt_word > IOAT_MODEL_HALT_WORD_NEVER)
		return false;
	return host->dma_read != NULL && host->dma_write != NULL && host->dma_write64 != NULL;
}

int
ioat_model_create(struct ioat_model **out, const struct ioat_model_conf *conf)
{
	struct ioat_model *model;
	unsigned int i;

	if (!model_conf_is_legal(conf))
		return -EINVAL;
	model = calloc(1, sizeof(*model));
	if (model == NULL)
		return -ENOMEM;
	model->host = conf->host;
	model->identity = ioat_model_identity(conf->device);
	model->chancnt = conf->channels != 0 ? conf->channels : 1;
	model->xfercap = conf->xfercap != 0 ? conf->xfercap : model->identity->xfercap;
	model->xfer_max = 1u << model->xfercap;
	model->dmacap_off = conf->no_fill ? DMACAP_BFILL : 0;
	model->halt_word = conf->halt_word;
	for (i = 0; i < IOAT_CHAN_MAX; i++)
		model->chan[i].index = i;
	model_regs_index(model);
	ioat_model_reset(model);
	*out = model;
	return 0;
}

void
ioat_model_destroy(struct ioat_model *model)
{
	free(model);
}

void
ioat_model_reset(struct ioat_model *model)
{
	unsigned int i;

	model_regs_power_on(model);
	model->cbver = model->identity->cbver;
	model->dmacap = model->identity->dmacap & ~model->dmacap_off;
	model->msix = true;
	model->irq_mask = 0;
	for (i = 0; i < model->chancnt; i++) {
		struct model_chan *mc = &model->chan[i];

		model_chan_reset(model, mc);
		mc->armed = 0;
		memset(&mc->late, 0, sizeof(mc->late));
		memset(&mc->count, 0, sizeof(mc->count));
	}
}

void
ioat_model_counters(const struct ioat_model *model, unsigned int chan,
                    struct ioat_model_counters *out)
{
	if (chan < model->chancnt)
		*out = model->chan[chan].count;
	else
		memset(out, 0, sizeof(*out));
}
