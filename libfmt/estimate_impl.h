/* What the files of <libfmt/estimate.h> share. */
#ifndef FMT_ESTIMATE_IMPL_H
#define FMT_ESTIMATE_IMPL_H

#include <libfmt/estimate.h>

/* estimate_gguf.c: layers, experts and sizes from the keys and the names of the tensors of a GGUF.
 * returns false with *err set; layers that are not described leave e->layers_known false */
bool estimate_layers_of_keys(struct fmt_estimate *e, const struct fmt_view *v, struct fmt_err *err);

/* estimate_cache.c: the cells that llama.cpp allocates for a layer with attention, of one sequence; those of a window too where
 * it has the architecture's, unless they are to be kept whole. false: past 64 bits */
bool estimate_llama_cells(const struct fmt_estimate *e, const struct fmt_layer *l, uint64_t context, uint64_t ubatch,
                          bool whole_windows, uint64_t *cells);

#endif
