// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites;

/// <summary>Log event ids of the site drivers: 5000 to 5999.</summary>
internal static class EventIds
{
    public const int AcceleratorChosen = 7000;
    public const int InstanceStarted = 7001;
    public const int InstanceStopped = 7002;
    public const int InstanceKilled = 7003;
    public const int InstanceAdopted = 7004;
    public const int InstanceShutDown = 7005;
    public const int InstanceRemoved = 7006;
    public const int MoveStarted = 7007;
    public const int MoveFailedOnce = 7008;
    public const int DiskMoved = 7009;
    public const int BubbleCreated = 7010;
    public const int BubbleDeleted = 7011;
    public const int WayInOpened = 7012;
    public const int ShutDownByAgentRefused = 7013;
    public const int InstanceRestarted = 7014;
    public const int DiskTakenIn = 7015;
    public const int InstanceMigrated = 7016;
    public const int MigrationUndone = 7017;
    public const int MapsStay = 7018;
    public const int CaptureEnded = 7019;
    public const int CloudAnswered = 7100;
    public const int CloudRequestRepeated = 7101;
    public const int TokenTaken = 7102;
    public const int TokenNotRenewed = 7103;
    public const int TokenRefused = 7104;
    public const int MicroversionChosen = 7105;
    public const int ServerBuilt = 7106;
    public const int VolumeFilled = 7107;
    public const int VolumeKept = 7108;
    public const int CloudBubbleMade = 7109;
    public const int CloudBubbleWayOpened = 7180;
    public const int CloudBubbleDeleted = 7110;
    public const int MonitorSilent = 7111;
    public const int CloudNetworkMade = 7112;
    public const int CloudFramesSmaller = 7113;
    public const int CloudDhcpNotReserved = 7114;
    public const int CloudDhcpMoved = 7115;
    public const int CloudRoutesLeft = 7116;
    public const int CloudSnatOn = 7117;
    public const int CloudNetworkRemoved = 7118;
    public const int CloudNetworkStays = 7119;
    public const int CloudAdminNotHeard = 7120;
    public const int ServerReturned = 7130;
    public const int ApplianceMade = 7140;
    public const int ApplianceReady = 7141;
    public const int ApplianceLost = 7142;
    public const int ApplianceRemoved = 7143;
    public const int ApplianceNotMade = 7144;
    public const int ApplianceVolumeOpened = 7145;
    public const int ApplianceVolumeTakenOut = 7146;
    public const int ApplianceCopyResumed = 7147;
    public const int AppliancesNotTended = 7148;
    public const int ApplianceCopied = 7149;
    public const int ApplianceVolumeNotPutIn = 7150;
    public const int ApplianceCopyInterrupted = 7151;
    public const int StandingTaken = 7160;
    public const int StandingCompared = 7161;
    public const int StandingSnapshot = 7162;
    public const int StandingGivenBack = 7163;
    public const int BackupNotIncremental = 7200;
    public const int BackupForeignParent = 7201;
    public const int VolumeRestored = 7202;
}
