// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Links;

/// <summary>
/// How a group fares when several share a capped link. A group of high priority gets four times what a normal one gets,
/// a low one a quarter; what one does not use the others have. Numbers are stored and never change.
/// </summary>
public enum LinkPriority { Normal = 0, High = 1, Low = 2 }
