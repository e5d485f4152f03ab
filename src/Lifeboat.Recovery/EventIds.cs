// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Recovery;

/// <summary>Log event ids of this project: 4000 to 4099. Never reused.</summary>
internal static class EventIds
{
    public const int RunStarted = 4000;
    public const int RunFinished = 4001;
    public const int StepFailed = 4002;
    public const int StepRetried = 4003;
    public const int UndoFailed = 4004;
    public const int RunResumed = 4005;
}
