// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites;

/// <summary>Log event ids of the site drivers: 5000 to 5999.</summary>
internal static class EventIds
{
    public const int AcceleratorChosen = 5000;
    public const int InstanceStarted = 5001;
    public const int InstanceStopped = 5002;
    public const int InstanceKilled = 5003;
    public const int InstanceAdopted = 5004;
    public const int InstanceShutDown = 5005;
    public const int InstanceRemoved = 5006;
    public const int MoveStarted = 5007;
    public const int MoveFailedOnce = 5008;
    public const int DiskMoved = 5009;
    public const int BubbleCreated = 5010;
    public const int BubbleDeleted = 5011;
    public const int WayInOpened = 5012;
    public const int ShutDownByAgentRefused = 5013;
    public const int InstanceRestarted = 5014;
}
