/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * The second front door: --vdev=dma_ioat_emu0,... Each channel is a function of its own, as on
 * silicon, so that channels share nothing.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioat_args.h"
#include "ioat_emu.h"
#include "ioat_emu_port.h"
#include "ioat_hw.h"
#include "ioat_enq.h"
#include "ioat_priv.h"

#define ARG_DEVICE   "device"
#define ARG_XFERCAP  "xfercap"
#define ARG_CHANNELS "channels"
#define ARG_LCORE    "lcore"
#define ARG_INLINE   "inline"
#define ARG_FILL     "fill"
#define ARG_HALT     "halt-word"

#define CHANNELS_MAX 16

/* The channels of one vdev. */
struct vdev_channels {
	struct vdev_channels *next;
	const struct rte_vdev_device *vdev;
	unsigned int count;
	struct ioat_emu *emu[CHANNELS_MAX];
};

/* Probe and remove run one at a time, under EAL's hotplug lock or in its initialisation. */
static struct vdev_channels *vdevs;

struct vdev_args {
	const char *name; /* of the vdev, for messages */
	struct ioat_emu_conf emu;
	unsigned int channels;
	bool takeover;
	bool silent;
};

static const char *const device_words[] = {
	[IOAT_MODEL_ICX] = "icx",
	[IOAT_MODEL_SKX] = "skx",
	[IOAT_MODEL_BDX] = "bdx",
	[IOAT_MODEL_IVB] = "ivb",
};

static const char *const halt_words[] = {
	[IOAT_MODEL_HALT_WORD_ALWAYS] = "always",
	[IOAT_MODEL_HALT_WORD_ASKED] = "asked",
	[IOAT_MODEL_HALT_WORD_NEVER] = "never",
};

static int
check_lcore(const struct vdev_args *args, long lcore, bool run_inline)
{
	if (!rte_lcore_is_enabled((unsigned int)lcore)) {
		IOAT_LOG(ERR, "%s: %s=%ld is not an lcore of this process (EAL -l, -c or --lcores)",
		         args->name, ARG_LCORE, lcore);
		return -EINVAL;
	}
	if (run_inline) {
		IOAT_LOG(ERR,
		         "%s: lcore and inline exclude each other: inline has no thread to place",
		         args->name);
		return -EINVAL;
	}
	return 0;
}

static int
parse_args(const char *text, struct vdev_args *args)
{
	long device = IOAT_MODEL_ICX, xfercap = 0, channels = 1, lcore = -1, run_inline = 0;
	long fill = 1, takeover = 0, silent = 0, halt_word = IOAT_MODEL_HALT_WORD_ALWAYS;
	bool lcore_given = false;
	const struct ioat_arg table[] = {
		{.key = ARG_DEVICE,
	         .max = RTE_DIM(device_words) - 1,
	         .words = device_words,
	         .value = &device},
		{.key = ARG_XFERCAP, .min = XFERCAP_MIN, .max = XFERCAP_MAX, .value = &xfercap},
		{.key = ARG_CHANNELS, .min = 1, .max = CHANNELS_MAX, .value = &channels},
		{.key = ARG_LCORE,
	         .max = RTE_MAX_LCORE - 1,
	         .value = &lcore,
	         .given = &lcore_given},
		{.key = ARG_INLINE, .max = 1, .is_switch = true, .value = &run_inline},
		{.key = ARG_FILL, .max = 1, .is_switch = true, .value = &fill},
		{.key = ARG_HALT,
	         .max = RTE_DIM(halt_words) - 1,
	         .words = halt_words,
	         .value = &halt_word},
		{.key = IOAT_ARG_TAKEOVER, .max = 1, .is_switch = true, .value = &takeover},
		{.key = IOAT_ARG_SILENT, .max = 1, .is_switch = true, .value = &silent},
	};
	int rc = ioat_args_parse(args->name, text, table, RTE_DIM(table));

	if (rc == 0 && lcore_given)
		rc = check_lcore(args, lcore, run_inline != 0);
	args->emu.device = (enum ioat_model_device)device;
	args->emu.xfercap = (unsigned int)xfercap;
	args->emu.lcore = (int)lcore;
	args->emu.run_inline = run_inline != 0;
	args->emu.no_fill = fill == 0;
	args->emu.halt_word = (enum ioat_model_halt_word)halt_word;
	args->channels = (unsigned int)channels;
	args->takeover = takeover != 0;
	args->silent = silent != 0;
	return rc;
}

/* With an inline engine the completion calls are what makes the device work. */
static uint16_t
inline_completed(void *dev_private, uint16_t vchan, const uint16_t nb_cpls, uint16_t *last_idx,
                 bool *has_error)
{
	const struct ioat_chan *ch = dev_private;

	ch->regs.ops->work(ch->regs.ctx);
	return ioat_ring_completed(dev_private, vchan, nb_cpls, last_idx, has_error);
}

static uint16_t
inline_completed_status(void *dev_private, uint16_t vchan, const uint16_t nb_cpls,
                        uint16_t *last_idx, enum rte_dma_status_code *status)
{
	const struct ioat_chan *ch = dev_private;

	ch->regs.ops->work(ch->regs.ctx);
	return ioat_ring_completed_status(dev_private, vchan, nb_cpls, last_idx, status);
}

#if IOAT_HAS_OBJECTS
static uint16_t
inline_dequeue(void *dev_private, uint16_t vchan, struct rte_dma_op **ops, uint16_t nb_ops)
{
	const struct ioat_chan *ch = dev_private;

	ch->regs.ops->work(ch->regs.ctx);
	return ioat_enq_dequeue(dev_private, vchan, ops, nb_ops);
}
#endif

static void
inline_install(struct rte_dma_fp_object *fp)
{
	fp->completed = inline_completed;
	fp->completed_status = inline_completed_status;
#if IOAT_HAS_OBJECTS
	fp->dequeue = inline_dequeue;
#endif
}

static int
channel_create(struct vdev_channels *chs, struct rte_vdev_device *vdev, struct vdev_args *args)
{
	struct ioat_chan template = {
		.general.ops =
			args->emu.run_inline ? &ioat_emu_inline_mmio_ops : &ioat_emu_mmio_ops,
	};
	char name[RTE_DEV_NAME_MAX_LEN];
	int rc;

	if (args->channels == 1)
		rc = snprintf(name, sizeof(name), "%s", args->name);
	else
		rc = snprintf(name, sizeof(name), "%s_ch%u", args->name, chs->count);
	if (rc < 0 || (size_t)rc >= sizeof(name)) {
		IOAT_LOG(ERR, "%s: the name is too long", args->name);
		return -ENAMETOOLONG;
	}
	args->emu.name = name;
	rc = ioat_emu_create(&chs->emu[chs->count], &args->emu);
	if (rc < 0)
		return rc;
	template.general.ctx = chs->emu[chs->count];
	template.regs = template.general;
	template.regs.base = IOAT_CHAN_BASE(0);
	template.doorbell = ioat_emu_doorbell(chs->emu[chs->count]);
	template.share = ioat_emu_share(chs->emu[chs->count]);
	template.takeover = args->takeover;
	template.may_be_silent = args->silent;
	template.install = args->emu.run_inline ? inline_install : NULL;
	chs->count++; /* from here on its engine goes with the others */
	return ioat_dmadev_create(name, &vdev->device, &template);
}

/* Its dmadevs are closed, which took the engines. */
static void
channels_destroy(struct vdev_channels *chs)
{
	while (chs->count > 0)
		ioat_emu_destroy(chs->emu[--chs->count]);
	free(chs);
}

/* The engines run in the primary process. What it has not made nobody can use. */
static int
vdev_attach(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct ioat_mmio regs = {.ops = &ioat_emu_port_mmio_ops, .base = IOAT_CHAN_BASE(0)};
	struct ioat_chan *ch = NULL;
	unsigned int count = 0;
	int rc;

	while ((ch = ioat_mp_chan_of(name, ch)) != NULL) {
		regs.ctx = ch->share;
		rc = ioat_dmadev_attach(ch, &vdev->device, ch->share == NULL ? NULL : &regs);
		if (rc < 0) {
			ioat_dmadev_destroy(&vdev->device);
			return rc;
		}
		count++;
	}
	if (count == 0) {
		IOAT_LOG(ERR, "%s: the primary process has no such device to attach to", name);
		return -ENODEV;
	}
	return 0;
}

static int
vdev_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct vdev_args args = {.name = name};
	struct vdev_channels *chs;
	unsigned int i;
	int rc;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return vdev_attach(vdev);
	if (rte_eal_iova_mode() != RTE_IOVA_VA) {
		IOAT_LOG(ERR, "%s: IOVA mode must be VA (EAL --iova-mode=va)", name);
		return -ENOTSUP;
	}
	rc = parse_args(rte_vdev_device_args(vdev), &args);
	if (rc < 0)
		return rc;
	chs = calloc(1, sizeof(*chs));
	if (chs == NULL)
		return -ENOMEM;
	chs->vdev = vdev;
	for (i = 0; i < args.channels && rc == 0; i++)
		rc = channel_create(chs, vdev, &args);
	if (rc < 0) {
		if (ioat_dmadev_destroy(&vdev->device) == 0) /* else its engines still run on it */
			channels_destroy(chs);
		return rc;
	}
	chs->next = vdevs;
	vdevs = chs;
	return 0;
}

static int
vdev_remove(struct rte_vdev_device *vdev)
{
	struct vdev_channels **at, *chs;
	int rc;

	rc = ioat_dmadev_remove(&vdev->device);
	if (rc < 0)
		return rc;
	for (at = &vdevs; *at != NULL && (*at)->vdev != vdev; at = &(*at)->next)
		;
	chs = *at;
	if (chs == NULL) /* as in a secondary process */
		return 0;
	*at = chs->next;
	channels_destroy(chs);
	return 0;
}

static struct rte_vdev_driver ioat_vdev_driver = {
	.probe = vdev_probe,
	.remove = vdev_remove,
	.drv_flags = RTE_VDEV_DRV_NEED_IOVA_AS_VA,
};

RTE_PMD_REGISTER_VDEV(dma_ioat_emu, ioat_vdev_driver);
RTE_PMD_REGISTER_PARAM_STRING(dma_ioat_emu, ARG_DEVICE
                              "=icx|skx|bdx|ivb " ARG_XFERCAP "=<12-30> " ARG_CHANNELS
                              "=<1-16> " ARG_LCORE "=<lcore> " ARG_INLINE "[=0|1] " ARG_FILL
                              "[=0|1] " ARG_HALT "=always|asked|never " IOAT_ARG_TAKEOVER
                              "[=0|1] " IOAT_ARG_SILENT "[=0|1]");
