-- A CA's mail to a role address, with fields that claim to be ours.
conn = mt.connect(socket, 40, 0.25)
if conn == nil then error("no connection") end
if mt.conninfo(conn, "client.test", "192.0.2.77") ~= nil then error("conninfo") end
if mt.mailfrom(conn, "<x@y.test>") ~= nil then error("mailfrom") end
if mt.rcptto(conn, "<admin@example.test>") ~= nil then error("rcptto") end
if mt.data(conn) ~= nil then error("data") end
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("DATA: expected continue") end
if mt.header(conn, "From", "The CA <no-reply@ca.test>") ~= nil then error("header") end
if mt.header(conn, "X-Certmilter", "v=1; taken; id=forged") ~= nil then error("header") end
if mt.header(conn, "Subject", "lua") ~= nil then error("header") end
if mt.eoh(conn) ~= nil then error("eoh") end
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("end of headers: expected continue") end
if mt.bodystring(conn, "body\r\n") ~= nil then error("body") end
if mt.eom(conn) ~= nil then error("eom") end
if mt.getreply(conn) ~= SMFIR_ACCEPT then error("end of message: expected accept") end
if not mt.eom_check(conn, MT_HDRADD, "X-Certmilter") then error("no field was added") end
if not mt.eom_check(conn, MT_HDRDELETE, "X-Certmilter") then error("the forged field stays") end
mt.disconnect(conn)
