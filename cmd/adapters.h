/* LoRA adapters that the command line names. */
#ifndef CMD_ADAPTERS_H
#define CMD_ADAPTERS_H

#include <libquant/lora.h>

#include "cli.h"

struct adapters {
	struct fmt_view **views; /* [n] */
	size_t n;
	struct quant_lora *lora; /* NULL: no adapter */
};

/* Opens each PATH or PATH=SCALE of a list for a model; to be closed in every case, before the model. */
bool adapters_open(struct adapters *a, const struct fmt_view *base, const struct cli_list *list, struct fmt_err *err);
void adapters_close(struct adapters *a);

/* How many of the model's tensors adapter i changes. */
uint64_t adapters_changed(const struct adapters *a, size_t i, const struct fmt_view *base);

#endif
