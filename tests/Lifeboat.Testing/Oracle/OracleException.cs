// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

public enum OracleFault { ToolMissing, ToolFailed, GuestFailed, Timeout, BadArguments, BadWitnessLog }

/// <summary>The test kit could not do its work; never the verdict about disks, which is an OracleProof.</summary>
public sealed class OracleException(OracleFault fault, string message, Exception? cause = null)
    : Exception(message, cause)
{
    public OracleFault Fault => fault;
}
