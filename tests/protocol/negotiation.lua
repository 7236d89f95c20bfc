-- What certmilterd asks for, as miltertest sees it; run by test_miltertest.py.
conn = mt.connect(socket, 40, 0.25)
if conn == nil then error("no connection") end
if mt.conninfo(conn, "client.test", "192.0.2.77") ~= nil then error("conninfo") end

for _, action in ipairs({SMFIF_ADDHDRS, SMFIF_CHGHDRS}) do
    if not mt.test_action(conn, action) then error("an action is missing: " .. action) end
end
for _, action in ipairs({SMFIF_CHGBODY, SMFIF_ADDRCPT, SMFIF_DELRCPT, SMFIF_QUARANTINE}) do
    if mt.test_action(conn, action) then error("an action too much: " .. action) end
end
for _, step in ipairs({SMFIP_NOCONNECT, SMFIP_NOMAIL, SMFIP_NORCPT, SMFIP_NOHDRS, SMFIP_NOEOH,
                       SMFIP_NOBODY}) do
    if mt.test_option(conn, step) then error("a step is missing: " .. step) end
end
if not mt.test_option(conn, SMFIP_NOHELO) then error("HELO isn't needed") end
mt.disconnect(conn)
