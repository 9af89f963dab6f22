//! What Redis decides by itself, in one step: scripts over a value's key and the epoch's.
//!
//! Sequences are compared as Lua's numbers, which are exact up to 2^53.

use std::fmt::Write as _;

use ::redis::Script;

use super::CacheFault;

#[derive(Debug)]
pub(super) struct Scripts {
    /// KEYS: epoch. ARGV: run id, an epoch to set. Gives the epoch that counts, setting it if there is none of this run, and
    /// the server's time in milliseconds.
    pub(super) begin: Script,
    /// KEYS: value, epoch. ARGV: epoch and time of the permit, limit in ms, sequence, body, members, time to live in ms. 1 if
    /// taken.
    pub(super) fill: Script,
    /// KEYS: epoch, then values. ARGV: time to live in ms, then the values' sequences.
    pub(super) outdate: Script,
}

impl Scripts {
    pub(super) fn new(fault: Option<CacheFault>) -> Self {
        let mut fill = String::new();
        if fault != Some(CacheFault::NoEpochCheck) {
            fill.push_str("if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end\n");
        }
        let _ = write!(
            fill,
            "local time = redis.call('TIME')\n\
             local now = time[1] * 1000 + math.floor(time[2] / 1000)\n\
             if now - tonumber(ARGV[2]) > tonumber(ARGV[3]) then return 0 end\n"
        );
        if fault != Some(CacheFault::NoSequenceGuard) {
            // What was known in another epoch was known before this one's fills read the database.
            fill.push_str(
                "local held = redis.call('HMGET', KEYS[1], 'sequence', 'epoch')\n\
                 if held[2] == ARGV[1] and tonumber(held[1]) > tonumber(ARGV[4]) then return 0 end\n",
            );
        }
        fill.push_str(
            "redis.call('HSET', KEYS[1], 'sequence', ARGV[4], 'epoch', ARGV[1], 'body', ARGV[5], 'members', ARGV[6])\n\
             redis.call('PEXPIRE', KEYS[1], ARGV[7])\n\
             return 1",
        );
        Self { begin: Script::new(BEGIN), fill: Script::new(&fill), outdate: Script::new(OUTDATE) }
    }
}

const BEGIN: &str = "\
    local epoch = redis.call('GET', KEYS[1])\n\
    if not epoch or string.sub(epoch, 1, #ARGV[1]) ~= ARGV[1] then\n\
      epoch = ARGV[2]\n\
      redis.call('SET', KEYS[1], epoch)\n\
    end\n\
    local time = redis.call('TIME')\n\
    return {epoch, time[1] * 1000 + math.floor(time[2] / 1000)}";

const OUTDATE: &str = "\
    local epoch = redis.call('GET', KEYS[1]) or ''\n\
    for i = 2, #KEYS do\n\
      local held = redis.call('HMGET', KEYS[i], 'sequence', 'epoch')\n\
      if held[2] ~= epoch or tonumber(held[1]) < tonumber(ARGV[i]) then\n\
        redis.call('DEL', KEYS[i])\n\
        redis.call('HSET', KEYS[i], 'sequence', ARGV[i], 'epoch', epoch)\n\
        redis.call('PEXPIRE', KEYS[i], ARGV[1])\n\
      end\n\
    end\n\
    return #KEYS - 1";
