/* Layers for multi-token prediction: each guesses one token further ahead than the one before it. */
#ifndef LIBINFER_NEXT_H
#define LIBINFER_NEXT_H

#include "bind.h"

/* What such a layer has beside a layer's weights. */
extern const struct infer_need infer_next_needs[];

/* Keeps what the last layer made of the batch, x [r->n_tok, D]; nothing where the model has no layers to go on with. */
void infer_next_keep(struct infer_run *r, const float *x);

/* After the batch, of n tokens: runs the layers behind the last one, for whoever watches what goes into weights. */
void infer_next_run(struct infer_run *r, uint32_t n);

#endif
