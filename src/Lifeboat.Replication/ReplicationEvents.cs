// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication;

/// <summary>Ids of log events of capture, shipping and receiving: 2000 to 2199.</summary>
internal static class ReplicationEvents
{
    public const int SessionBegan = 2000;
    public const int SessionEnded = 2001;
    public const int PhaseChanged = 2002;
    public const int StreamBegan = 2003;
    public const int VolumeAttached = 2004;
    public const int VolumeNotAttached = 2005;
    public const int VolumeEnded = 2006;
    public const int GapPulled = 2007;
    public const int GapForgotten = 2008;
    public const int GapKept = 2009;
    public const int MapNotRotated = 2010;
    public const int PointWithdrawn = 2011;
    public const int DetachFailed = 2012;
    public const int SourceFailed = 2013;
    public const int SyncBegan = 2025;
    public const int SyncEnded = 2026;
    public const int ResendAsked = 2030;
    public const int VolumeResized = 2040;
    public const int VolumeReleased = 2041;
    public const int VolumeBack = 2042;
    public const int VolumeAbsent = 2043;
    public const int VolumeUnwatched = 2044;
    public const int RungChanged = 2014;
    public const int LogRefused = 2015;
    public const int LogFound = 2016;
    public const int LogUnreadable = 2017;
    public const int Suspended = 2018;
    public const int Resumed = 2019;
    public const int BasisUnreadable = 2020;
    public const int BasisUnwritten = 2021;
    public const int MomentTaken = 2050;
    public const int MomentDurable = 2051;
    public const int MomentGivenUp = 2052;
    public const int MomentLeft = 2053;
    public const int RestUnknown = 2054;
    public const int ReceiverAccepted = 2100;
    public const int ReceiverRefused = 2101;
    public const int ReceiverEnded = 2102;
    public const int ConnectionEnded = 2103;
    public const int QuiesceFailed = 2150;
    public const int ThawFailed = 2151;
    public const int QuiesceTriedAnew = 2152;
}
