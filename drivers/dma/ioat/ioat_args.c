/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioat_args.h"
#include "ioat_dpdk.h"

/** What a handler of rte_kvargs needs beside the value. */
struct arg_call {
	const char *name; /* of the device */
	const struct ioat_arg *arg;
};

/* All words, or all keys, for a message. */
static const char *
args_join(char *to, size_t room, const char *(*word)(const void *from, size_t i), const void *from,
          size_t n)
{
	size_t i, len = 0;

	to[0] = '\0';
	for (i = 0; i < n && len < room; i++)
		len += (size_t)snprintf(to + len, room - len, "%s%s", i == 0 ? "" : ", ",
		                        word(from, i));
	return to;
}

static const char *
word_of_list(const void *from, size_t i)
{
	return ((const char *const *)from)[i];
}

static const char *
word_of_table(const void *from, size_t i)
{
	return ((const struct ioat_arg *)from)[i].key;
}

static int
parse_word(const struct arg_call *call, const char *value)
{
	const struct ioat_arg *arg = call->arg;
	char list[256];
	long i;

	for (i = 0; i <= arg->max; i++) {
		if (strcmp(value, arg->words[i]) == 0) {
			*arg->value = i;
			return 0;
		}
	}
	IOAT_LOG(ERR, "%s: %s=%s is none of %s", call->name, arg->key, value,
	         args_join(list, sizeof(list), word_of_list, arg->words, (size_t)arg->max + 1));
	return -EINVAL;
}

static int
parse_number(const struct arg_call *call, const char *value)
{
	const struct ioat_arg *arg = call->arg;
	char *end = NULL;
	long number = -1;

	errno = 0;
	if (isdigit((unsigned char)value[0])) /* no blank, no sign */
		number = strtol(value, &end, 10);
	if (end == NULL || *end != '\0' || errno != 0 || number < arg->min || number > arg->max) {
		IOAT_LOG(ERR, "%s: %s=%s is not a number from %ld to %ld", call->name, arg->key,
		         value, arg->min, arg->max);
		return -EINVAL;
	}
	*arg->value = number;
	return 0;
}

static int
parse_one(const char *key __rte_unused, const char *value, void *opaque)
{
	const struct arg_call *call = opaque;

	if (call->arg->given != NULL)
		*call->arg->given = true;
	if (value == NULL)
		value = call->arg->is_switch ? "1" : "";
	return call->arg->words != NULL ? parse_word(call, value) : parse_number(call, value);
}

/* rte_kvargs refuses an unknown key without saying which are known. */
static int
check_keys(const char *name, const struct rte_kvargs *kv, const struct ioat_arg *table, size_t n)
{
	char list[256];
	unsigned int i;
	size_t k;

	for (i = 0; i < kv->count; i++) {
		for (k = 0; k < n; k++)
			if (strcmp(kv->pairs[i].key, table[k].key) == 0)
				break;
		if (k == n) {
			IOAT_LOG(ERR, "%s: %s is none of %s", name, kv->pairs[i].key,
			         args_join(list, sizeof(list), word_of_table, table, n));
			return -EINVAL;
		}
		if (rte_kvargs_count(kv, kv->pairs[i].key) > 1) {
			IOAT_LOG(ERR, "%s: %s is given more than once", name, kv->pairs[i].key);
			return -EINVAL;
		}
	}
	return 0;
}

int
ioat_args_parse(const char *name, const char *text, const struct ioat_arg *table, size_t n)
{
	struct rte_kvargs *kv;
	size_t i;
	int rc;

	if (text == NULL || text[0] == '\0')
		return 0;
	kv = rte_kvargs_parse(text, NULL);
	if (kv == NULL) {
		IOAT_LOG(ERR, "%s: \"%s\" is not of the form key=value,key=value", name, text);
		return -EINVAL;
	}
	rc = check_keys(name, kv, table, n);
	for (i = 0; i < n && rc == 0; i++) {
		struct arg_call call = {.name = name, .arg = &table[i]};

		if (ioat_kvargs_process(kv, table[i].key, parse_one, &call) < 0)
			rc = -EINVAL;
	}
	rte_kvargs_free(kv);
	return rc;
}
