# SPDX-License-Identifier: Apache-2.0
#
# What goes where, by component: host, guest, tools. A distribution sets the folders that are its own
# (packaging/debian/rules does). The spooler looks for backends and notifiers in its own ServerBin.
set(PLATEN_CUPS_SERVERBIN "lib/cups" CACHE STRING "The spooler's ServerBin")
set(PLATEN_UNITDIR "lib/systemd/system" CACHE STRING "systemd's units")
set(PLATEN_UDEVDIR "lib/udev/rules.d" CACHE STRING "udev's rules")
set(PLATEN_SYSUSERSDIR "lib/sysusers.d" CACHE STRING "systemd's users")
set(PLATEN_CATALOGDIR "lib/systemd/catalog" CACHE STRING "What the journal's events mean")
set(PLATEN_TMPFILESDIR "lib/tmpfiles.d" CACHE STRING "systemd's folders")
set(PLATEN_ZSHDIR "share/zsh/site-functions" CACHE STRING "zsh's completions")
set(PLATEN_APPARMORDIR "/etc/apparmor.d" CACHE STRING "AppArmor's profiles; empty: none")
set(PLATEN_CONFDIR "/etc/platen" CACHE STRING "Settings; the programs look there")

install(TARGETS platend DESTINATION sbin COMPONENT host)
install(TARGETS platen-channel platen-virt platen-spool platen-fetch platen-device
  DESTINATION libexec/platen COMPONENT host)
# cupsd runs what it may execute: all of these as its own user, not as root (backend(7)).
install(PROGRAMS $<TARGET_FILE:platen-notifier> DESTINATION ${PLATEN_CUPS_SERVERBIN}/notifier
  RENAME platen COMPONENT host)
install(FILES packaging/platen.conf DESTINATION ${PLATEN_CONFDIR} COMPONENT host)
foreach(unit platend.service platend.socket platen-fetch.service platen-fetch.socket)
  install(FILES packaging/systemd/${unit} DESTINATION ${PLATEN_UNITDIR} COMPONENT host)
endforeach()
foreach(unit platend.service platen-fetch.service)
  install(FILES packaging/systemd/${unit}.d/10-hardening.conf
    DESTINATION ${PLATEN_UNITDIR}/${unit}.d COMPONENT host)
endforeach()
if(PLATEN_APPARMORDIR)
  install(FILES packaging/apparmor/platen DESTINATION ${PLATEN_APPARMORDIR} COMPONENT host)
endif()
install(FILES packaging/tmpfiles.d/platen-host.conf DESTINATION ${PLATEN_TMPFILESDIR} COMPONENT host)
install(FILES packaging/catalog/platen-host.catalog DESTINATION ${PLATEN_CATALOGDIR} COMPONENT host)
install(FILES packaging/sysusers.d/platen-host.conf DESTINATION ${PLATEN_SYSUSERSDIR} COMPONENT host)
foreach(page platend platen-channel platen-virt platen-spool platen-notifier platen-fetch platen-device)
  install(FILES packaging/man/${page}.8 DESTINATION share/man/man8 COMPONENT host)
endforeach()
install(FILES packaging/man/platen.conf.5 DESTINATION share/man/man5 COMPONENT host)

install(TARGETS platen-agent DESTINATION sbin COMPONENT guest)
install(TARGETS platen-queues platen-install platen-ask DESTINATION libexec/platen COMPONENT guest)
install(PROGRAMS $<TARGET_FILE:platen-backend> DESTINATION ${PLATEN_CUPS_SERVERBIN}/backend
  RENAME platen COMPONENT guest)
file(CREATE_LINK ../libexec/platen/platen-ask ${CMAKE_BINARY_DIR}/platen-ask.link SYMBOLIC)
install(FILES ${CMAKE_BINARY_DIR}/platen-ask.link DESTINATION bin RENAME platen-ask COMPONENT guest)
install(FILES packaging/platen-agent.conf DESTINATION ${PLATEN_CONFDIR} COMPONENT guest)
install(FILES packaging/systemd/platen-agent.service DESTINATION ${PLATEN_UNITDIR} COMPONENT guest)
install(FILES packaging/systemd/platen-agent.service.d/10-hardening.conf
  DESTINATION ${PLATEN_UNITDIR}/platen-agent.service.d COMPONENT guest)
install(FILES packaging/catalog/platen-guest.catalog DESTINATION ${PLATEN_CATALOGDIR} COMPONENT guest)
install(FILES packaging/udev/60-platen-guest.rules DESTINATION ${PLATEN_UDEVDIR} COMPONENT guest)
foreach(page platen-agent platen-queues platen-install platen-backend)
  install(FILES packaging/man/${page}.8 DESTINATION share/man/man8 COMPONENT guest)
endforeach()
install(FILES packaging/man/platen-agent.conf.5 DESTINATION share/man/man5 COMPONENT guest)
install(FILES packaging/man/platen-ask.1 DESTINATION share/man/man1 COMPONENT guest)

install(TARGETS platenctl DESTINATION bin COMPONENT tools)
install(FILES packaging/man/platenctl.1 DESTINATION share/man/man1 COMPONENT tools)
install(FILES packaging/completions/platenctl.bash
  DESTINATION share/bash-completion/completions RENAME platenctl COMPONENT tools)
install(FILES packaging/completions/_platenctl DESTINATION ${PLATEN_ZSHDIR} COMPONENT tools)
