/* llm-mem --train: what training takes on each device. */
#ifndef CMD_LLM_MEM_TRAIN_H
#define CMD_LLM_MEM_TRAIN_H

#include <libfmt/train.h>

#include "cli.h"

struct mem_report;

/* As typed, and then as understood. */
struct mem_train {
	const char *kind; /* NULL: not asked for */
	const char *optimizer, *targets, *precision, *gradients, *attention, *checkpointing, *fsdp, *offload;
	uint64_t zero, devices, micro_batch, seq, rank;
	bool zero_given;
	bool given; /* any of the other options but the kind */
	struct fmt_train_opts o;
	struct fmt_train bytes;
};

#define MEM_TRAIN_DEFAULTS { .optimizer = "adamw", .targets = "all", .precision = "bf16", .gradients = "same", \
	.attention = "flash", .checkpointing = "none", .devices = 1, .micro_batch = 1, .seq = 2048, .rank = 16 }

/* Words to options.
 * returns false with *err set: FMT_USAGE, an unknown word or two that contradict each other */
bool mem_train_options(struct mem_train *t, struct fmt_err *err);

/* Fills in r->train.bytes.
 * returns false with *err set as fmt_train does */
bool mem_train(struct mem_report *r, struct fmt_err *err);

/* Whether it fits into what --fit gives, on each device. */
bool mem_train_fits(const struct mem_report *r);

void mem_train_text(const struct mem_report *r);
void mem_train_json(struct cli_json *j, const struct mem_report *r);

#endif
