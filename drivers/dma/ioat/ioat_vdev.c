/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * The second front door: --vdev=dma_ioat_emu0,... Each channel is a function of its own, as on
 * silicon, so that channels share nothing.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioat_emu.h"
#include "ioat_hw.h"
#include "ioat_priv.h"

#define ARG_DEVICE   "device"
#define ARG_XFERCAP  "xfercap"
#define ARG_CHANNELS "channels"
#define ARG_LCORE    "lcore"
#define ARG_INLINE   "inline"

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
	bool lcore_given;
};

static int
parse_number(const struct vdev_args *args, const char *key, const char *value, long min, long max,
             long *out)
{
	char *end = NULL;
	long number = -1;

	errno = 0;
	if (value != NULL && isdigit((unsigned char)value[0])) /* no blank, no sign */
		number = strtol(value, &end, 10);
	if (end == NULL || *end != '\0' || errno != 0 || number < min || number > max) {
		IOAT_LOG(ERR, "%s: %s=%s is not a number from %ld to %ld", args->name, key,
		         value == NULL ? "" : value, min, max);
		return -EINVAL;
	}
	*out = number;
	return 0;
}

static int
parse_device(const char *key, const char *value, void *opaque)
{
	struct vdev_args *args = opaque;

	if (value != NULL && ioat_model_device_by_name(value, &args->emu.device) == 0)
		return 0;
	IOAT_LOG(ERR, "%s: %s=%s is none of icx, skx, bdx, ivb", args->name, key,
	         value == NULL ? "" : value);
	return -EINVAL;
}

static int
parse_xfercap(const char *key, const char *value, void *opaque)
{
	struct vdev_args *args = opaque;
	long n;
	int rc = parse_number(args, key, value, XFERCAP_MIN, XFERCAP_MAX, &n);

	if (rc == 0)
		args->emu.xfercap = (unsigned int)n;
	return rc;
}

static int
parse_channels(const char *key, const char *value, void *opaque)
{
	struct vdev_args *args = opaque;
	long n;
	int rc = parse_number(args, key, value, 1, CHANNELS_MAX, &n);

	if (rc == 0)
		args->channels = (unsigned int)n;
	return rc;
}

static int
parse_lcore(const char *key, const char *value, void *opaque)
{
	struct vdev_args *args = opaque;
	long n;
	int rc = parse_number(args, key, value, 0, RTE_MAX_LCORE - 1, &n);

	if (rc < 0)
		return rc;
	if (!rte_lcore_is_enabled((unsigned int)n)) {
		IOAT_LOG(ERR, "%s=%ld is not an lcore of this process (EAL -l, -c or --lcores)",
		         key, n);
		return -EINVAL;
	}
	args->emu.lcore = (int)n;
	args->lcore_given = true;
	return 0;
}

static int
parse_inline(const char *key, const char *value, void *opaque)
{
	struct vdev_args *args = opaque;
	long n = 1;
	int rc = value == NULL ? 0 : parse_number(args, key, value, 0, 1, &n);

	args->emu.run_inline = n != 0;
	return rc;
}

static const struct {
	const char *key;
	arg_handler_t parse;
} arguments[] = {
	{ARG_DEVICE, parse_device}, {ARG_XFERCAP, parse_xfercap}, {ARG_CHANNELS, parse_channels},
	{ARG_LCORE, parse_lcore},   {ARG_INLINE, parse_inline},
};

/* rte_kvargs refuses an unknown key without saying which are known. */
static int
check_keys(const struct vdev_args *args, const struct rte_kvargs *kv)
{
	unsigned int i, k;

	for (i = 0; i < kv->count; i++) {
		for (k = 0; k < RTE_DIM(arguments); k++)
			if (strcmp(kv->pairs[i].key, arguments[k].key) == 0)
				break;
		if (k == RTE_DIM(arguments)) {
			IOAT_LOG(ERR, "%s: %s is none of device, xfercap, channels, lcore, inline",
			         args->name, kv->pairs[i].key);
			return -EINVAL;
		}
		if (rte_kvargs_count(kv, kv->pairs[i].key) > 1) {
			IOAT_LOG(ERR, "%s: %s is given more than once", args->name,
			         kv->pairs[i].key);
			return -EINVAL;
		}
	}
	return 0;
}

static int
parse_args(const char *text, struct vdev_args *args)
{
	struct rte_kvargs *kv;
	unsigned int i;
	int rc;

	args->emu.device = IOAT_MODEL_ICX;
	args->emu.lcore = -1;
	args->channels = 1;
	if (text == NULL || text[0] == '\0')
		return 0;
	kv = rte_kvargs_parse(text, NULL);
	if (kv == NULL) {
		IOAT_LOG(ERR, "%s: \"%s\" is not of the form key=value,key=value", args->name,
		         text);
		return -EINVAL;
	}
	rc = check_keys(args, kv);
	for (i = 0; i < RTE_DIM(arguments) && rc == 0; i++)
		if (rte_kvargs_process(kv, arguments[i].key, arguments[i].parse, args) < 0)
			rc = -EINVAL;
	rte_kvargs_free(kv);
	if (rc == 0 && args->emu.run_inline && args->lcore_given) {
		IOAT_LOG(ERR,
		         "%s: lcore and inline exclude each other: inline has no thread to place",
		         args->name);
		rc = -EINVAL;
	}
	return rc;
}

/* With an inline engine the completion calls are what makes the device work. */
static uint16_t
inline_completed(void *dev_private, uint16_t vchan, const uint16_t nb_cpls, uint16_t *last_idx,
                 bool *has_error)
{
	const struct ioat_chan *ch = dev_private;

	ioat_emu_poll(ch->regs.ctx);
	return ioat_ring_completed(dev_private, vchan, nb_cpls, last_idx, has_error);
}

static uint16_t
inline_completed_status(void *dev_private, uint16_t vchan, const uint16_t nb_cpls,
                        uint16_t *last_idx, enum rte_dma_status_code *status)
{
	const struct ioat_chan *ch = dev_private;

	ioat_emu_poll(ch->regs.ctx);
	return ioat_ring_completed_status(dev_private, vchan, nb_cpls, last_idx, status);
}

static int
channel_create(struct vdev_channels *chs, struct rte_vdev_device *vdev, struct vdev_args *args)
{
	struct ioat_chan template = {
		.general.ops =
			args->emu.run_inline ? &ioat_emu_inline_mmio_ops : &ioat_emu_mmio_ops,
	};
	char name[RTE_DEV_NAME_MAX_LEN];
	struct rte_dma_dev *dev;
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
	chs->count++; /* from here on its engine goes with the others */
	rc = ioat_dmadev_create(name, &vdev->device, &template, &dev);
	if (rc < 0)
		return rc;
	if (args->emu.run_inline) {
		dev->fp_obj->completed = inline_completed;
		dev->fp_obj->completed_status = inline_completed_status;
	}
	return 0;
}

/* The dmadevs first: closing one takes its engine. */
static int
channels_destroy(struct vdev_channels *chs)
{
	int rc = ioat_dmadev_destroy(&chs->vdev->device);

	while (rc == 0 && chs->count > 0)
		ioat_emu_destroy(chs->emu[--chs->count]);
	return rc;
}

static int
vdev_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct vdev_args args = {.name = name};
	struct vdev_channels *chs;
	unsigned int i;
	int rc;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		IOAT_LOG(ERR, "%s: only a primary process can use it", name);
		return -ENOTSUP;
	}
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
		if (channels_destroy(chs) == 0) /* else its engines still run on it */
			free(chs);
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

	for (at = &vdevs; *at != NULL && (*at)->vdev != vdev; at = &(*at)->next)
		;
	chs = *at;
	if (chs == NULL)
		return 0;
	rc = channels_destroy(chs);
	if (rc < 0)
		return rc;
	*at = chs->next;
	free(chs);
	return 0;
}

static struct rte_vdev_driver ioat_vdev_driver = {
	.probe = vdev_probe,
	.remove = vdev_remove,
	.drv_flags = RTE_VDEV_DRV_NEED_IOVA_AS_VA,
};

RTE_PMD_REGISTER_VDEV(dma_ioat_emu, ioat_vdev_driver);
RTE_PMD_REGISTER_PARAM_STRING(dma_ioat_emu,
                              ARG_DEVICE "=icx|skx|bdx|ivb " ARG_XFERCAP "=<12-30> " ARG_CHANNELS
                                         "=<1-16> " ARG_LCORE "=<lcore> " ARG_INLINE "[=0|1]");
