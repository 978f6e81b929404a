/* The part of a model that a tensor belongs to, from its name alone: for files whose architecture is not described. */
#ifndef LIBFMT_COMPONENT_H
#define LIBFMT_COMPONENT_H

#include <libfmt/model.h>

enum fmt_component {
	FMT_PART_EMBEDDING,    /* tokens, positions, token types */
	FMT_PART_ATTENTION,    /* projections of queries, keys, values, output; their biases */
	FMT_PART_FEED_FORWARD, /* dense layers, shared experts, routers */
	FMT_PART_EXPERTS,      /* routed experts */
	FMT_PART_RECURRENCE,   /* state-space and other layers that carry a state */
	FMT_PART_NORM,         /* every kind of normalization, its biases too */
	FMT_PART_OUTPUT,       /* the matrix from the last layer to the vocabulary */
	FMT_PART_OTHER,
	FMT_PART_COUNT
};

/* "embedding", "attention", "feed-forward", ...: as printed, and as in JSON. */
const char *fmt_component_name(enum fmt_component c);

/* What the name says, in GGUF's, Hugging Face's or Meta's way of naming; FMT_PART_OTHER if it says nothing known. */
enum fmt_component fmt_component_of(struct fmt_str tensor_name);

#endif
