// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking;

/// <summary>Kinds of link messages. Numbers are on the wire and never change.</summary>
public enum MessageKind : byte
{
    Hello = 1,
    HelloReply = 2,
    Frame = 3,
    Ack = 4,
    DigestRequest = 5,
    DigestReply = 6,
    Ping = 7,
    Pong = 8,
    Refused = 9,
    Bye = 10,
    Resend = 11,
    StripeJoin = 12,
    StripePart = 13,
    StripeAck = 14,
}
