/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XXH3 by the widest registers that this processor has.
 *
 * Each byte of a document is hashed four times on its way: for its digest and for the sum of its
 * frame, at either end. libxxhash's own functions are made for the least of all processors; those
 * that choose when they run stand beside them, where it was built with them, and give the same
 * values in a quarter of the time.
 */
#ifndef PLATEN_BASE_XXH_H
#define PLATEN_BASE_XXH_H

#include <xxhash.h>
#ifdef PLATEN_XXH_DISPATCH
#include <xxh_x86dispatch.h> /* puts them in the others' place */
#endif

#endif
