/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IEEE 1284 device ids, as a device, a PPD (*1284DeviceID) and IPP (printer-device-id, PWG 5107.2)
 * have them: "MFG:Acme;MDL:Jet 5;CMD:PCL,PS;", keys in upper or lower case, long or short.
 */
#ifndef PLATEN_BASE_DEVICE_ID_H
#define PLATEN_BASE_DEVICE_ID_H

#include <stdbool.h>
#include <stddef.h>

#define DEVICE_ID_SIZE 256

enum device_id_key {
	DEVICE_ID_MFG, /* or MANUFACTURER */
	DEVICE_ID_MDL, /* or MODEL */
	DEVICE_ID_CMD, /* or COMMAND SET */
};

/* The value of a key without blanks around it. False when there is none, or it does not fit. */
bool device_id_get(const char *id, enum device_id_key key, char *buf, size_t size);

/* Whether two ids mean the same model: maker and model are alike but for case, and if both name
 * languages, they have one in common. */
bool device_id_match(const char *a, const char *b);

/* Whether the id's maker and model are `model`, "Acme Jet 5"; a model that names its maker is not
 * preceded by it once more. */
bool device_id_is(const char *id, const char *model);

/* Whether it is printable ASCII without what has a meaning in a PPD, and has a maker and a model.
 */
bool device_id_is_sound(const char *id);

/* The id that the URI of a USB device tells: usb://MAKER/MODEL?…. False when it is none. */
bool device_id_of_uri(const char *uri, char *id, size_t size);

#endif
