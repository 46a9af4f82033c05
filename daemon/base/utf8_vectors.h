/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check by vectors, written once: a file includes this after defining TARGET (a function attribute or nothing), CHECK and
 * WRONG (the functions' names), VECTOR (its type) and what is done with one; all are taken back at the end.
 */

/* Not zero where something is wrong with a byte of `now`, seen with those before it. */
TARGET static inline VECTOR WRONG(VECTOR now, VECTOR before) {
    VECTOR one = BEFORE(now, before, 1), two = BEFORE(now, before, 2), three = BEFORE(now, before, 3);
    VECTOR pairs = AND(AND(LOOK_UP(TABLE(first_high), HIGH_HALF(one)), LOOK_UP(TABLE(first_low), LOW_HALF(one))),
                       LOOK_UP(TABLE(second_high), HIGH_HALF(now)));
    return XOR(pairs, OR(AT_LEAST(two, 0xe0), AT_LEAST(three, 0xf0)));
}

TARGET static size_t CHECK(const char *text, size_t length) {
    const size_t size = sizeof(VECTOR);
    VECTOR before = ZERO;
    size_t at = 0;
    for (; length - at >= 2 * size; at += 2 * size) {
        VECTOR a = LOAD(text + at), b = LOAD(text + at + size);
        /* (A character that the block before left open is seen at this one's first bytes.) */
        if (IS_ASCII(OR(OR(a, b), before)))
            continue;
        if (!IS_ZERO(OR(WRONG(a, before), WRONG(b, a))))
            break;
        before = b;
    }
    return walk(text, length, character_start(text, at));
}

#undef TARGET
#undef CHECK
#undef WRONG
#undef VECTOR
#undef BEFORE
#undef LOAD
#undef TABLE
#undef LOOK_UP
#undef HIGH_HALF
#undef LOW_HALF
#undef AT_LEAST
#undef AND
#undef OR
#undef XOR
#undef ZERO
#undef IS_ASCII
#undef IS_ZERO
