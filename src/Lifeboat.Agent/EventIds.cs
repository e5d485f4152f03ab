// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Agent;

/// <summary>Numbers of the agent's log events; never used twice.</summary>
internal static class EventIds
{
    public const int TapAttached = 4000;
    public const int TapUninstalled = 4001;
    public const int TapEnded = 4002;
}
