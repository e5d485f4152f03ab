// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>The outcome of one request, with its number on the wire (NBD protocol, "Error values").</summary>
public enum NbdError : uint
{
    None = 0,
    NotPermitted = 1,
    Io = 5,
    NoMemory = 12,
    Invalid = 22,
    NoSpace = 28,
    Overflow = 75,
    NotSupported = 95,
    ShuttingDown = 108,
}
