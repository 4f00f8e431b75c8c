# At the end of the proxy of an instance ($1). MAINPID is set if it did not end because nobody asked.
if [ -z "${MAINPID:-}" ]; then
    exec systemctl --no-block stop "ai-backend-$1.service"
fi
# A connection that was accepted has the path of the socket, and the state 03 (connected). The edge still sends new ones, so the time
# is short; before a change of the collection, and for the turn of another engine, the edge has ended them all.
end=$(($(date +%s) + 30))
while grep -q " 03 *[0-9]* /run/ai-backend-wake/$1.sock$" /proc/net/unix && [ "$(date +%s)" -lt "$end" ]; do
    sleep 0.1
done
