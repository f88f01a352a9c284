/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef IOAT_ARGS_H
#define IOAT_ARGS_H

/**
 * @file
 * Device arguments, key=value,key=value, as a table: both front doors check them alike.
 */

#include <stdbool.h>
#include <stddef.h>

/** One argument that a device knows: a number, a switch, or one of some words. */
struct ioat_arg {
	const char *key;
	long min; /**< of a number; a switch is 0 or 1 */
	long max;
	bool is_switch;           /**< may stand without a value, which means 1 */
	const char *const *words; /**< NULL: a number; otherwise max + 1 of them */
	long *value;              /**< where the number, or the index of the word, goes */
	bool *given;              /**< set if it was given; may be NULL */
};

/**
 * Parse @p text (NULL and "" have none) of device @p name by the @p n rows of @p table. What is
 * not given keeps its value.
 * @return 0; -EINVAL: logged in one line, with the argument and what is legal.
 */
int ioat_args_parse(const char *name, const char *text, const struct ioat_arg *table, size_t n);

#endif /* IOAT_ARGS_H */
